"""What every test process needs, whoever started it."""

import signal


def pytest_configure() -> None:
    """Children of tests must hear Ctrl-C: a run in a shell's background inherits it as ignored, and would hand that down."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
