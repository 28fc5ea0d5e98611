"""What the rows share: where figures go, and a model that echoes, takes bodies of bytes and streams."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from journeys.faults.databases import ENGINES, fresh_place
from journeys.faults.projects import write_faulted
from journeys.postgres_server import Postgres, running_postgres
from journeys.projects import package
from journeys.running_platform import RunningPlatform

Figure = Callable[..., None]


@pytest.fixture
def figure(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Figure:
    """`figure("R1", failed=0, p99_ms=12.5)` prints the row's numbers and hands them to the runner as `R1_failed`, `R1_p99_ms`."""

    def put(row: str, **numbers: object) -> None:
        print(f"{row}: " + ", ".join(f"{name} {value}" for name, value in numbers.items()))
        for name, value in numbers.items():
            record_property(f"{row}_{name}", value)

    return put


@pytest.fixture(scope="session")
def faulted_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the model that the rows call."""
    directory = tmp_path_factory.mktemp("faulted")
    return package(write_faulted(directory / "project"), directory / "dist")


@pytest.fixture
def faulted(platform: RunningPlatform, faulted_package: Path) -> str:
    """Digest of that model on the shared platform."""
    return platform.upload(faulted_package)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all rows that want one; power cuts are not among them."""
    with running_postgres("-c", "fsync=off") as server:
        yield server


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """An empty database of each kind, as `Database.open` is told."""
    with fresh_place(request.param, tmp_path, request) as made:
        yield made
