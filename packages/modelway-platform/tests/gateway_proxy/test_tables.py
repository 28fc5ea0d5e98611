"""The table file: whatever stands there, the last good one is served from."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, cast

import pytest

from modelway_platform.domain.table.route_table import RouteTable
from modelway_platform.store.files.table_file import write_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Replica

GET = b"GET /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n"

BROKEN: dict[str, Callable[[dict[str, object]], object]] = {
    "nothing": lambda _: None,
    "list": lambda _: [],
    "no number": lambda table: {name: value for name, value in table.items() if name != "number"},
    "number as text": lambda table: {**table, "number": "9"},
    "number 0": lambda table: {**table, "number": 0},
    "no models": lambda table: {"number": 9, "keys": []},
    "models null": lambda table: {**table, "models": None},
    "blank model": lambda table: {**table, "models": list[object]([{"project": "p"}])},
    "repeated model": lambda table: {**table, "models": [*_list(table["models"]), *_list(table["models"])]},
    "bad key": lambda table: {**table, "keys": [{"id": "k", "name": "k", "role": "caller", "sha256": "x"}]},
    "unknown role": lambda table: {**table, "keys": [{"id": "k", "name": "k", "role": "root", "sha256": "0" * 64}]},
    "weight -1": lambda table: _with_version(table, weight=-1),
    "weight 1.5": lambda table: _with_version(table, weight=1.5),
    "port 0": lambda table: _with_version(table, replicas=[{"id": "r", "host": "h", "port": 0}]),
    "no host": lambda table: _with_version(table, replicas=[{"id": "r", "host": "", "port": 1}]),
    "bad name": lambda table: _with_version(table, version="a/b"),
}


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return cast("list[object]", value)


def _with_version(table: dict[str, object], **changes: object) -> dict[str, object]:
    copy = json.loads(json.dumps(table))
    copy["models"][0]["versions"][0].update(changes)
    return copy


def look(gateway: Gateway) -> None:
    gateway.call(gateway.watch.look)


def replace(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(data)
    temporary.rename(path)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_table_is_refused(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table], name: str
) -> None:
    gateway.publish(table({"v1": (1, [replica()])}))
    good = json.loads(gateway.table_path.read_bytes())
    replace(gateway.table_path, json.dumps(BROKEN[name]({**good, "number": 9})).encode())
    look(gateway)
    assert call(GET).answer().status == 200
    assert (gateway.worker.routes.number, gateway.worker.metrics.tables_rejected) == (1, 1)
    look(gateway)  # not looked at again
    assert gateway.worker.metrics.tables_rejected == 1
    gateway.number = 9
    gateway.publish(table({"v2": (1, [replica()])}))
    assert call(GET).answer().header("modelway-version") == "v2"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"\x00" * 1000, b'{"number": 1e999}'])
def test_what_is_no_table_is_refused(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], data: bytes
) -> None:
    gateway.table(replica())
    replace(gateway.table_path, data)
    look(gateway)
    assert call(GET).answer().status == 200
    assert gateway.worker.metrics.tables_rejected == 1


def test_a_table_cut_anywhere_is_refused(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    only = replica()
    gateway.publish(table({"v1": (1, [only])}))
    write_table(gateway.table_path.with_name("other.json"), table({"v9": (1, [only])}).made(9))
    data = gateway.table_path.with_name("other.json").read_bytes().rstrip()
    for cut in range(0, len(data), 5):
        replace(gateway.table_path, data[:cut])
        look(gateway)
    assert gateway.worker.routes.number == 1
    assert call(GET).answer().header("modelway-version") == "v1"
    replace(gateway.table_path, data)
    look(gateway)
    assert call(GET).answer().header("modelway-version") == "v9"


def test_an_older_table_is_refused(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    only = replica()
    gateway.number = 4
    gateway.publish(table({"v5": (1, [only])}))
    gateway.number = 3
    gateway.publish(table({"v4": (1, [only])}))
    assert call(GET).answer().header("modelway-version") == "v5"
    assert gateway.worker.metrics.tables_rejected == 1
    gateway.publish(table({"v5b": (1, [only])}))  # the same number, as a control process that starts again writes it
    assert call(GET).answer().header("modelway-version") == "v5b"


def test_a_missing_table_changes_nothing(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gateway.table(replica())
    gateway.table_path.unlink()
    look(gateway)
    gateway.table_path.mkdir()
    look(gateway)
    gateway.table_path.rmdir()
    look(gateway)
    assert call(GET).answer().status == 200


def test_an_empty_table_is_taken(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    """It is what is there after everything was deleted; guarding against it is the publisher's part."""
    gateway.table(replica())
    write_table(gateway.table_path, RouteTable(number=2, models=(), keys=()))
    look(gateway)
    assert call(GET).answer().status == 401


def test_worker_starts_from_the_table_and_follows_it(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    """Nothing else is alive: no control process, no database."""
    one, two = replica(), replica()
    worker = process(table({"v1": (1, [one])}))
    caller = call(GET, port=worker.port)
    assert caller.answer().header("modelway-version") == "v1"
    slowest = 0.0
    for number in range(2, 7):
        write_table(worker.table_path, table({f"v{number}": (1, [one, two])}).made(number))
        begun = time.monotonic()
        while True:
            caller.send(GET)
            answer = caller.answer()
            assert answer.status == 200
            if answer.header("modelway-version") == f"v{number}":
                break
            assert time.monotonic() - begun < 2
        slowest = max(slowest, time.monotonic() - begun)
    print(f"a change is visible after at most {slowest * 1000:.0f} ms")  # noqa: T201 (the figure)
    os.kill(worker.process.pid, 0)


def test_a_table_of_many_models(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    template = table({"v1": (1, [])}).made(1).models[0]
    others = [
        type(template)(
            project="big",
            model=f"m{each}",
            access="key",
            idempotent=False,
            timeout_seconds=1,
            max_body_bytes=1,
            versions=template.versions,
        )
        for each in range(5000)
    ]
    made = table({"v1": (1, [replica()])}, others=others)
    begun = time.perf_counter()
    gateway.publish(made)
    print(f"5,000 models are written, read and taken in {(time.perf_counter() - begun) * 1000:.0f} ms")  # noqa: T201 (the figure)
    begun = time.perf_counter()
    os.utime(gateway.table_path)
    look(gateway)
    print(f"read and taken in {(time.perf_counter() - begun) * 1000:.0f} ms")  # noqa: T201 (the figure)
    assert call(GET).answer().status == 200
