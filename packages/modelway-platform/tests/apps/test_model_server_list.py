"""Which model servers are asked for their metrics: each replica of the route table once, as it is now."""

from dataclasses import replace
from pathlib import Path

import pytest

from modelway_platform.apps.model_server_list import model_servers_in
from modelway_platform.apps.output_settings import OtlpEntry, read_outputs
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.store.files.table_file import write_table

NEAR = ReplicaEntry(id="r1", host="127.0.0.1", port=9001)
FAR = ReplicaEntry(id="r2", host="fd00::7", port=9002, secure=True)
MODEL = ModelEntry(
    project="vision", model="digits", access="key", idempotent=False, timeout_seconds=30.0, max_body_bytes=10,
    versions=(
        VersionEntry(version="v1", weight=1, replicas=(NEAR,)),
        VersionEntry(version="v2", weight=0, replicas=(FAR,)),  # asked for by its pinned URL only
    ),
)  # fmt: skip
TABLE = RouteTable(number=1, models=(MODEL,), keys=())


def test_each_replica_is_asked_where_it_listens(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, TABLE)
    near, far = model_servers_in(path)()
    assert (near.id, near.key, near.url) == (
        "r1",
        VersionKey("vision", "digits", "v1"),
        "http://127.0.0.1:9001/metrics",
    )
    assert (far.id, far.key, far.url) == ("r2", VersionKey("vision", "digits", "v2"), "https://[fd00::7]:9002/metrics")


def test_a_new_table_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    find = model_servers_in(path)
    with pytest.raises(FileNotFoundError):
        find()
    write_table(path, TABLE)
    first = find()
    assert find() is first  # not read again
    write_table(path, replace(TABLE, number=2, models=(replace(MODEL, versions=MODEL.versions[:1]),)))
    assert [each.id for each in find()] == ["r1"]


def test_a_table_that_cannot_be_read_is_nobodys_end(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text("{")
    with pytest.raises(OSError, match="not a route table"):
        model_servers_in(path)()


def test_an_output_may_do_without_them(tmp_path: Path) -> None:
    file = tmp_path / "outputs.toml"
    head = '[[output]]\nname = "x"\nkind = "otlp"\nendpoint = "http://x"\n'
    for more, wanted in (("", True), ("model_servers = false\n", False)):
        file.write_text(head + more)
        entry = read_outputs(file).outputs["x"].of
        assert isinstance(entry, OtlpEntry)
        assert entry.model_servers is wanted
