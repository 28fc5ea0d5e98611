"""What the journeys share: a package made once, a platform for tests that leave it whole, and platforms of one's own."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from journeys.console_fixtures import chromium, console, page, signed_in, two_versions
from journeys.projects import package, write_echo
from journeys.running_platform import RunningPlatform

__all__ = ["chromium", "console", "page", "signed_in", "two_versions"]  # fixtures of the console's journeys
PlatformFactory = Callable[..., RunningPlatform]


def pytest_configure() -> None:
    """What the shell around must not hand down to the platforms: Ctrl-C ignored, as in its background, and modules compiled anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # more than half of what starting a platform costs
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def echo_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a handler that says who answered."""
    directory = tmp_path_factory.mktemp("echo")
    return package(write_echo(directory / "project"), directory / "dist")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """One platform for all tests that do not hurt control or gateway; each uses a project of its own."""
    running = RunningPlatform(tmp_path_factory.mktemp("platform"))
    try:
        yield running.start()
    finally:
        running.destroy()


@pytest.fixture
def own_platform(tmp_path: Path) -> Iterator[PlatformFactory]:
    """Makes platforms that the test may hurt; whatever is left of them afterwards is removed."""
    made: list[RunningPlatform] = []

    def make(*, workers: int = 2) -> RunningPlatform:
        directory = tmp_path / f"platform-{len(made)}"
        directory.mkdir()
        made.append(RunningPlatform(directory, workers))
        return made[-1]

    yield make
    for running in made:
        running.destroy()


@pytest.fixture
def echo(platform: RunningPlatform, echo_package: Path) -> str:
    """Digest of the echo package on the shared platform."""
    return platform.upload(echo_package)
