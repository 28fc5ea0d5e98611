"""The access log: every request one line of JSON, whatever callers send and whatever the disk does."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.gateway.proxy.access_log import MOST_GATHERED, AccessLog
from modelway_platform.gateway.proxy.access_record import worker_members
from modelway_platform.store.files.collected_marks import write_marks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Replica

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
MEMBERS = {
    "time": float,
    "request_id": str,
    "project": str,
    "model": str,
    "version": str,
    "endpoint": str,
    "replica": str,
    "method": str,
    "path": str,
    "status": int,
    "code": str,
    "duration_us": int,
    "upstream_us": int,
    "bytes_in": int,
    "bytes_out": int,
    "key": str,
    "reason": str,
    "retries": int,
    "client": str,
    "worker": int,
}


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.ndjson")) for line in path.read_bytes().splitlines()]


def test_members(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    only = replica()
    gateway.table(only, access="key")
    caller = call(
        b"POST /p/m/v1/predict?x=1 HTTP/1.1\r\nHost: x\r\nX-API-Key: mw_caller\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert caller.answer().status == 200
    (record,) = gateway.records()
    assert {name: type(value) for name, value in record.items()} == MEMBERS | {"consumer": str}
    assert abs(record.pop("time") - time.time()) < 5
    assert 0 < record.pop("upstream_us") <= record.pop("duration_us") < 5_000_000
    assert record.pop("request_id")
    assert record == {
        "project": "p",
        "model": "m",
        "version": "v1",
        "endpoint": "predict",
        "replica": f"r{only.port}",
        "method": "POST",
        "path": "/p/m/v1/predict?x=1",
        "status": 200,
        "code": "",
        "bytes_in": 3,
        "bytes_out": 2,
        "key": "k1",
        "consumer": "k1",
        "reason": "pinned",
        "retries": 0,
        "client": "127.0.0.1",
        "worker": 0,
    }


@pytest.mark.parametrize("name", ["edge-1", 'a "quoted"\\ \u00e9\n', "x" * 500])
def test_records_name_their_gateway(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str
) -> None:
    gateway.worker.log.worker = worker_members(3, name)
    gateway.table(replica())
    assert call(GET % b"/p/m/predict").answer().status == 200
    assert call(GET % b"/nothing/here/predict").answer().status == 401
    for record in gateway.records():
        assert (record["gateway"], record["worker"]) == (name[:128], 3)


@pytest.mark.parametrize(
    "target",
    [
        b'/p/m/"quoted"',
        b"/p/m/back\\slash",
        b"/p/m/\xff\xfe\x80",
        b"/p/m/\xe2\x80\xa8line",
        b"/p/m/%00%0a",
        b'/p/m/","status":200,"x":"',
        b"/p/m/%b{}%s%d",
        b"/'><script>",
        b"*",
        b"/p/m/" + b"a" * 8000,
        b"/p/m/\x7f",
        b"/p/m/a?b=\\u0000&c=\xf0\x9f\x98\x80",
    ],
)
def test_hostile_paths(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], target: bytes
) -> None:
    gateway.table(replica())
    method = b"OPTIONS" if target == b"*" else b"GET"
    caller = call(method + GET[3:] % target)
    status = caller.answer().status
    records = gateway.records()
    if status == 400:  # refused by the engine before there is a request
        (record,) = records
        assert (record["path"], record["status"], record["code"]) == ("", 400, "invalid_request")
    else:
        (record,) = records
        assert set(record) == set(MEMBERS)
        assert (record["path"].encode("latin-1"), record["status"]) == (target, status)


def test_complete_under_rotation(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], tmp_path: Path
) -> None:
    folder = tmp_path / "rotated"
    log = AccessLog(folder, 7, segment_bytes=2000, keep_segments=1000)
    gateway.call(lambda: setattr(gateway.worker, "log", log))
    gateway.table(replica())
    caller = call()
    for number in range(200):
        caller.send(GET % b"/p/m/n%d" % number)
        assert caller.answer().status == 200
        if number % 3 == 0:
            gateway.call(log.flush)
    gateway.call(log.close)
    assert len(list(folder.iterdir())) > 15
    assert [each["endpoint"] for each in lines_of(folder)] == [f"n{number}" for number in range(200)]


def test_no_more_than_promised_is_held_back(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], tmp_path: Path
) -> None:
    """Without a flush, so that a worker that is killed loses no more; lines that others made keep their place."""
    log = AccessLog(tmp_path / "held", 7)
    gateway.call(lambda: setattr(gateway.worker, "log", log))
    gateway.table(replica())
    caller = call()
    for number in range(MOST_GATHERED + 3):
        if number == 1:
            gateway.call(lambda: log.append(b'{"endpoint":"appended"}\n'))
        caller.send(GET % b"/p/m/n%d" % number)
        assert caller.answer().status == 200
    written = [each["endpoint"] for each in lines_of(tmp_path / "held")]
    assert written == ["n0", "appended", *(f"n{number}" for number in range(1, MOST_GATHERED - 1))]
    gateway.call(log.close)
    assert len(lines_of(tmp_path / "held")) == MOST_GATHERED + 4


def test_old_segments_go(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], tmp_path: Path
) -> None:
    folder = tmp_path / "rotated"
    folder.mkdir()
    others = folder / "worker-77-1.ndjson"
    others.touch()
    log = AccessLog(folder, 7, segment_bytes=1, keep_segments=3)
    gateway.call(lambda: setattr(gateway.worker, "log", log))
    gateway.table(replica())
    caller = call()
    for number in range(10):
        caller.send(GET % b"/p/m/n%d" % number)
        caller.answer()
        gateway.call(log.flush)
    gateway.call(log.close)
    assert others.exists()
    assert [each["endpoint"] for each in lines_of(folder)] == ["n7", "n8", "n9"]


def test_what_goes_before_it_was_collected_is_counted(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], tmp_path: Path
) -> None:
    folder = tmp_path / "rotated"
    log = AccessLog(folder, 7, segment_bytes=1, keep_segments=2)
    gateway.call(lambda: setattr(gateway.worker, "log", log))
    gateway.table(replica())
    caller = call()

    def ask(times: int) -> None:
        for _ in range(times):
            caller.send(GET % b"/p/m/n")
            caller.answer()
            gateway.call(log.flush)

    ask(4)
    gateway.call(log.close)
    assert log.uncollected == 0, "nobody collects here, so nothing is kept for anybody"
    kept = sorted(folder.glob("worker-*.ndjson"))
    write_marks(folder, [(kept[0].name, kept[0].stat().st_size)])
    ask(4)
    gateway.call(log.close)
    assert len(list(folder.glob("worker-*.ndjson"))) == 2
    assert log.uncollected == 3, "four segments went, of which one was collected"


def test_a_full_disk_costs_records_only(
    process: Callable[..., Process],
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    table: type[Table],
    tmp_path: Path,
) -> None:
    """No file may grow over 20 kB: a write is cut in mid-line, then refused."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    worker = process(table({"v1": (1, [replica()])}), before=limited)
    caller = call(port=worker.port)
    for _ in range(300):
        caller.send(GET % b"/p/m/predict")
        assert caller.answer().status == 200
    time.sleep(0.3)
    for _ in range(5):
        caller.send(GET % b"/p/m/predict")
        assert caller.answer().status == 200
    assert worker.terminate() == 0
    written = lines_of(tmp_path / "access")
    snapshot = json.loads(worker.metrics_path.read_bytes())
    assert 30 < len(written) < 100
    assert len(written) + snapshot["log_dropped"] == 305
    assert sum(sum(each["codes"].values()) for each in snapshot["versions"]) == 305


def test_a_log_folder_that_is_none_costs_records_only(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    log = AccessLog(tmp_path / "file" / "folder", 7)
    gateway.call(lambda: setattr(gateway.worker, "log", log))
    gateway.table(replica())
    assert call(GET % b"/p/m/a").answer().status == 200
    gateway.call(log.flush)
    assert log.dropped == 1
    (tmp_path / "file").unlink()
    assert call(GET % b"/p/m/b").answer().status == 200
    gateway.call(log.close)
    assert [each["endpoint"] for each in lines_of(tmp_path / "file" / "folder")] == ["b"]
