"""The publisher: soon, never unfit, never empty because something else is broken."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from modelway.errors import ModelwayError
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.endpoint import Endpoint, EndpointView
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.table.compile_route_table import compile_table
from modelway_platform.gateway.control.publish import Publisher, Sources
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.changes import Changes
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.files.acknowledgements import Acknowledgement, write_acknowledgement
from modelway_platform.store.files.table_file import read_table

KEY = VersionKey("vision", "digits", "v1")
ONE = Endpoint(id="r1", key=KEY, host="127.0.0.1", port=9001)


@dataclass
class Control:
    """Everything around a publisher, as the control process wires it."""

    root: Path
    database: Database
    changes: Changes = field(default_factory=Changes)
    broken: str = ""

    def __post_init__(self) -> None:
        self.documents = Documents(self.database, self.changes.notify)
        self.keys = Keys(self.database, self.changes.notify)
        self.leases = Leases(on_change=self.changes.notify)
        self.path = self.root / "gateway" / "table.json"
        self.told: list[str] = []

    def publisher(self) -> Publisher:
        sources = Sources(
            declared=self.declared,
            endpoints=self.leases_view,
            keys=self.keys.list,
            next_number=Counters(self.database).next_table_number,
        )
        return Publisher(self.path, sources, self.told.append)

    def leases_view(self, since: int) -> EndpointView:
        return self.leases.view(since)  # a restart of control replaces them

    def declared(self) -> Declared:
        if self.broken:
            raise ModelwayError(self.broken)
        return self.documents.declared()


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Database.open(tmp_path / "modelway.db") as database:
        yield Control(tmp_path, database)


def test_what_is_declared_and_observed_is_published_once(control: Control) -> None:
    publisher = control.publisher()
    control.documents.apply_deployment(Deployment(key=KEY, package="sha256:" + "a" * 64))
    control.leases.register(ONE, 30)
    _, secret = control.keys.create(KeySpec(name="a", role="caller"))
    assert publisher.publish()
    assert publisher.publish()
    table = read_table(control.path)
    assert table == publisher.table
    assert table.number == 1
    assert [replica.id for replica in table.models[0].versions[0].replicas] == ["r1"]
    assert publisher.state.published == 1
    assert (publisher.state.models, publisher.state.replicas) == (1, 1)
    assert secret not in control.path.read_text()


def test_a_restart_publishes_nothing_and_numbers_go_on(control: Control) -> None:
    control.documents.apply_deployment(Deployment(key=KEY, package="sha256:" + "a" * 64))
    control.leases.register(ONE, 30)
    first = control.publisher()
    first.publish()
    written = control.path.stat().st_mtime_ns
    control.leases = Leases(on_change=control.changes.notify)
    again = control.publisher()
    control.leases.seed(again.table)
    assert again.publish()
    assert control.path.stat().st_mtime_ns == written
    control.leases.deregister("r1")
    again.publish()
    assert read_table(control.path).number == 2


def test_nothing_is_ever_published_while_the_sources_fail(control: Control) -> None:
    control.documents.apply_deployment(Deployment(key=KEY, package="sha256:" + "a" * 64))
    publisher = control.publisher()
    publisher.publish()
    before = control.path.read_bytes()
    control.broken = "the database is away"
    for _ in range(3):
        assert not publisher.publish()
    assert control.path.read_bytes() == before
    assert control.told == ["the database is away"]
    assert (publisher.state.refused, publisher.state.refusal) == (3, "the database is away")
    control.broken = ""
    assert publisher.publish()
    assert publisher.state.refusal == ""


def test_an_unfit_table_keeps_the_last_good_one(control: Control) -> None:
    control.documents.apply_deployment(Deployment(key=KEY, package="sha256:" + "a" * 64))
    publisher = control.publisher()
    publisher.publish()
    before = control.path.read_bytes()
    control.leases.register(Endpoint(id="r1", key=KEY, host="127.0.0.1", port=99999), 30)
    assert not publisher.publish()
    assert control.path.read_bytes() == before
    assert "no usable address" in publisher.state.refusal


def test_a_directory_that_cannot_be_written_is_told(control: Control) -> None:
    (control.root / "gateway").write_text("a file where the folder should be")
    publisher = control.publisher()
    assert not publisher.publish()
    assert "cannot be written" in publisher.state.refusal


def test_a_broken_file_at_start_is_replaced(control: Control) -> None:
    control.path.parent.mkdir()
    control.path.write_text("{")
    publisher = control.publisher()
    assert publisher.table is None
    assert publisher.publish()
    assert read_table(control.path).models == ()


def test_a_removed_file_comes_back(control: Control) -> None:
    publisher = control.publisher()
    publisher.publish()
    control.path.unlink()
    publisher.publish()
    assert read_table(control.path).number == 2


async def test_a_change_is_on_disk_soon(control: Control) -> None:
    control.documents.apply_deployment(Deployment(key=KEY, package="sha256:" + "a" * 64))
    publisher = control.publisher()
    running = asyncio.create_task(publisher.run(control.changes))
    try:
        while publisher.state.published == 0:  # noqa: ASYNC110 - the file is what is waited for, and it has no event
            await asyncio.sleep(0.005)
        delays: list[float] = []
        for number in range(10):
            await asyncio.sleep(0.02)
            endpoint = Endpoint(id=f"r{number}", key=KEY, host="127.0.0.1", port=9100 + number)
            started = time.perf_counter()
            control.leases.register(endpoint, 30)
            while f'"r{number}"' not in control.path.read_text():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.0005)
            delays.append(time.perf_counter() - started)
        assert sorted(delays)[5] < 2  # journeys measure how soon workers see it
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_burst_of_changes_is_gathered_and_the_last_word_wins(control: Control) -> None:
    control.documents.apply_deployment(Deployment(key=KEY, package="sha256:" + "a" * 64))
    publisher = control.publisher()
    running = asyncio.create_task(publisher.run(control.changes))
    try:
        for weight in range(1, 60):
            route = Route(key=KEY.model_key, versions=(VersionWeight(version="v1", weight=weight),))
            await asyncio.to_thread(control.documents.apply_route, route)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if control.path.exists() and '"weight":59' in control.path.read_text():
                break
        assert json.loads(control.path.read_text())["models"][0]["versions"][0]["weight"] == 59
        assert publisher.state.published < 60
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def deploy(control: Control, *names: str) -> None:
    control.documents.apply(
        [Deployment(key=VersionKey("vision", name, "v1"), package="sha256:" + "a" * 64) for name in names],
        author="test",
    )


def test_a_table_that_a_worker_refuses_is_taken_back(control: Control) -> None:
    deploy(control, "a")
    publisher = control.publisher()
    publisher.publish()
    folder = control.path.parent
    write_acknowledgement(folder, Acknowledgement(worker=0, number=1, at=time.time()))
    assert publisher.confirm()
    assert publisher.state.confirmed == 1
    good = read_table(control.path)
    deploy(control, "b")
    publisher.publish()
    assert not publisher.confirm()  # nobody has said anything of it yet
    write_acknowledgement(folder, Acknowledgement(worker=0, number=1, reason="it is cursed", at=time.time()))
    assert publisher.confirm()
    back = read_table(control.path)
    assert (back.number, back.models) == (3, good.models)
    assert "gateway worker 0 refused table 2: it is cursed" in publisher.state.refusal
    assert control.told == [publisher.state.refusal]
    publisher.publish()  # the same wish is not tried again
    assert read_table(control.path).number == 3
    deploy(control, "c")
    publisher.publish()
    assert [model.model for model in read_table(control.path).models] == ["a", "b", "c"]
    write_acknowledgement(folder, Acknowledgement(worker=0, number=4, at=time.time()))
    assert publisher.confirm()
    assert (publisher.state.confirmed, publisher.state.refusal) == (4, "")


def test_what_is_compiled_step_by_step_is_what_is_compiled_at_once(control: Control) -> None:
    """Against the plain compiler, over a history of declared and observed changes."""
    publisher = control.publisher()
    steps: list[Callable[[], object]] = [
        lambda: deploy(control, "a", "b", "c"),
        lambda: control.leases.register(replace(ONE, key=VersionKey("vision", "b", "v1")), 30),
        lambda: control.documents.apply_route(
            Route(key=ModelKey("vision", "a"), versions=(VersionWeight(version="v1", weight=3),), idempotent=True)
        ),
        lambda: control.leases.register(replace(ONE, id="r2", port=9002, key=VersionKey("vision", "a", "v1")), 30),
        lambda: control.leases.register(replace(ONE, id="r2", port=9003, key=VersionKey("vision", "a", "v1")), 30),
        lambda: control.leases.deregister("r1"),
        lambda: control.documents.delete("Route", str(ModelKey("vision", "a"))),
        lambda: control.documents.delete("Deployment", str(VersionKey("vision", "b", "v1"))),
        lambda: deploy(control, "b", "d"),
    ]
    before = None
    for step in steps:
        step()
        publisher.publish()
        table = read_table(control.path)
        plain = compile_table(
            control.documents.declared(), control.leases.endpoints(), control.keys.list(), table.number, before
        )
        assert table == plain
        before = table
