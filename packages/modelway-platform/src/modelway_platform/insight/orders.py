"""What a process that works in turns waits for: the next turn, a signal to stop, or its supervisor's end."""

import os
import select
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress


@contextmanager
def orders_of(lifeline: int | None) -> Generator[list[int]]:
    """Descriptors that become readable when it is time to stop."""
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def stop(_number: int, _frame: object) -> None:
        with suppress(BlockingIOError):
            os.write(wake, b"!")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield [woken] if lifeline is None else [woken, lifeline]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(woken)
        os.close(wake)


def told(orders: Sequence[int], seconds: float) -> bool:
    """Waits; whether to stop."""
    ready, _, _ = select.select(orders, [], [], seconds)
    return bool(ready)
