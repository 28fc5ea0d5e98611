"""What was written of requests: shown, asked, compared, exported."""

import hashlib
import json
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from journeys.served_api import Served
from moto.server import ThreadedMotoServer

from modelway.cli.showing.log_lines import access_line
from modelway.packaging.store.open_store import Store, open_store
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, FEEDBACK, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source

Run = Callable[..., CompletedProcess[str]]


@pytest.mark.usefixtures("served")
def test_logs(modelway: Run, start_modelway: Any) -> None:
    lines = modelway("logs", "vision/digits", "--source", "server").stdout.splitlines()
    assert [line.partition("| ")[2] for line in lines] == ["server digits 0", "server digits 1"]
    refused = modelway("logs", "--status", "9xx")
    assert (refused.returncode, "429,5xx" in refused.stderr) == (1, True)
    assert modelway("logs", "--status", "5xx", "--slower", "200ms", "--consumer", "shop").returncode == 0
    following: subprocess.Popen[str] = start_modelway("logs", "-f", "-o", "json")
    assert following.stdout is not None
    assert [json.loads(following.stdout.readline())["line"] for _ in range(3)][-1] == "later"


def test_copies_are_reported(modelway: Run, served: Served, tmp_path: Path) -> None:
    del served
    nothing = modelway("mirror", "report", "vision/digits")
    assert "no copies of vision/digits" in nothing.stderr
    common = {"time": time.time() - 9, "project": "vision", "model": "digits", "endpoint": "predict", "status": 200}
    copy = {**common, "version": "v2", "request_id": "r1", "mirrored": True, "primary": "v1", "duration_us": 3000}
    copies = [copy | {"agree": True, "score": 1.0}, copy | {"agree": False, "score": 0.5, "why": "$.a differs\x1b[2J"}]
    records = [{**common, "version": "v1", "request_id": "r1"}, *copies]
    path = tmp_path / "access" / f"worker-7-{int((time.time() - 60) * 1e9)}.ndjson"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    shown = modelway("mirror", "report", "vision/digits", "--since", "5m").stdout
    assert "50.00 %" in shown
    assert "r1" in shown
    assert "$.a differs" in shown
    assert "\x1b" not in shown
    for output, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        found = load(modelway("mirror", "report", "vision/digits", "-o", output).stdout)
        assert found["pairs"][0]["agreementRate"] == 0.5
    assert "copy of v1 agrees" in access_line(copies[0])
    assert "copy of v1 differs" in access_line(copies[1])
    assert "copy of" not in access_line(records[0])


def test_collected_records_are_asked(modelway: Run, served: Served, tmp_path: Path) -> None:
    (tmp_path / "access").mkdir(exist_ok=True)
    now = time.time()
    records = [
        {"time": now - 60 + n, "request_id": f"r{n}", "project": "vision", "model": "digits", "version": f"v{1 + n % 2}",
         "status": 200, "duration_us": 1000 * (1 + n), "path": '/a,"b"'}
        for n in range(4)
    ]  # fmt: skip
    (tmp_path / "access" / "worker-0-1.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
    keeping = Keeping(seconds=1e9, octets=1 << 40)
    collector = Collector(StoreFolder(tmp_path / "store"), [Source(ACCESS, tmp_path / "access")], keeping)
    collector.collect()
    collector.close()

    sql = "SELECT request_id, path, score FROM access ORDER BY time"
    assert modelway("logs", "query", sql, "--limit", "2").stdout.splitlines() == [
        "REQUEST_ID  PATH    SCORE",
        'r0          /a,"b"  -',
        'r1          /a,"b"  -',
    ]
    assert "--limit" in modelway("logs", "query", "--limit", "2", sql).stderr
    assert modelway("logs", "query", "-", "-o", "csv", stdin=sql).stdout.splitlines()[:2] == [
        "request_id,path,score",
        'r0,"/a,""b""",',
    ]
    (row,) = modelway(
        "logs", "query", "SELECT count(*) AS n, max(time) AS last FROM access", "-o", "json"
    ).stdout.splitlines()
    assert json.loads(row)["n"] == 4
    refused = modelway("logs", "query", "COPY access TO 'x'")
    assert (refused.returncode, "error[invalid_query]" in refused.stderr) == (1, True)
    assert "no rows" in modelway("logs", "query", "FROM access WHERE false").stdout
    assert "physical_plan" not in modelway("logs", "query", "EXPLAIN FROM access").stdout

    assert "latency per version" in modelway("logs", "ask").stdout
    lines = modelway("logs", "ask", "p99", "vision/digits").stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["vision", "digits", "v2", "2"],
        ["vision", "digits", "v1", "2"],
    ]
    assert len(modelway("logs", "ask", "p99", "vision/digits/v1").stdout.splitlines()) == 2
    assert "ORDER BY p99_ms" in modelway("logs", "ask", "p99", "--sql").stdout
    assert modelway("logs", "ask", "p99", "a//b").returncode == 2
    assert "there are: traffic" in modelway("logs", "ask", "everything").stderr


def test_from_answers_back_into_training(modelway: Run, served: Served, tmp_path: Path) -> None:
    assert served.url
    inferences = tmp_path / "replicas" / "r1" / "inference"
    inferences.mkdir(parents=True)
    records = [
        {"time": time.time(), "request_id": f"r{n}", "project": "vision", "model": "digits", "version": "v1", "status": 200,
         "request": {"pixels": [n]}, "answer": {"label": n % 2}}
        for n in range(4)
    ]  # fmt: skip
    (inferences / "worker-0-1.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
    assert modelway("logs", "feedback", "r0", "--label", "0").returncode == 0
    more = '{"requestId": "r1", "label": "7"}\n{"requestId": "r3", "reward": 0.5}\n'
    assert "2 accepted" in modelway("logs", "feedback", "--file", "-", stdin=more).stderr
    assert modelway("logs", "feedback", "r9").returncode == 1, "neither label nor reward"
    assert modelway("logs", "feedback").returncode == 2
    sources = [Source(INFERENCE, tmp_path / "replicas", "inference"), Source(FEEDBACK, tmp_path / "feedback")]
    collector = Collector(StoreFolder(tmp_path / "store"), sources, Keeping(seconds=1e9, octets=1 << 40))
    collector.collect()
    collector.close()
    (row,) = modelway("logs", "ask", "accuracy", "vision/digits", "-o", "json").stdout.splitlines()
    assert (json.loads(row)["accuracy_percent"], json.loads(row)["mean_reward"]) == (50.0, 0.5)

    into = tmp_path / "sets"
    export = ("logs", "export", "vision/digits", "--into", str(into))
    assert modelway(*export).stdout.strip() == str(into / "v1")
    assert "nothing has changed" in modelway(*export).stderr
    assert modelway(*export, "--labelled").stdout.strip() == str(into / "v2")
    assert sorted(path.name for path in into.iterdir()) == ["v1", "v2"]
    about = json.loads((into / "v2" / "dataset.json").read_bytes())
    data = (into / "v2" / "data.parquet").read_bytes()
    assert (about["version"], about["bytes"], about["sha256"]) == (2, len(data), hashlib.sha256(data).hexdigest())
    assert modelway("logs", "export", "a//b", "--into", str(into)).returncode == 2

    with bucket() as (address, store, variables):
        export = ("logs", "export", "vision/digits", "--into", address)
        assert modelway(*export, **variables).stdout.strip() == f"{address}/v1"
        assert "nothing has changed since v1" in modelway(*export, **variables).stderr
        store.create("v2/claim", b"")  # somebody else is at it, or was killed
        assert modelway(*export, "--labelled", **variables).stdout.strip() == f"{address}/v3"
        assert store.get("v3/data.parquet") == data
        assert json.loads(store.get("v3/dataset.json")).items() >= {"version": 3, "sha256": about["sha256"]}.items()


@contextmanager
def bucket() -> Generator[tuple[str, Store, dict[str, str]]]:
    """An S3 server's bucket, and the environment that leads there."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        name = f"b{uuid.uuid4().hex}"
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT"), timeout=30):
            pass
        found = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}
        yield f"s3://{name}/sets", open_store(f"s3://{name}/sets", found), found
    finally:
        server.stop()


def test_two_versions_are_compared(modelway: Run, served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "access"
    folder.mkdir()
    start = time.time() - 60
    lines: list[str] = []
    for number in range(2400):
        version = ("v1", "v2")[number % 2]
        status = 500 if version == "v2" and number % 14 == 1 else 200
        record = {"time": start + number / 50, "project": "vision", "model": "digits", "version": version}
        lines.append(json.dumps({**record, "status": status, "duration_us": 900 + number % 7, "path": "/p"}) + "\n")
    (folder / f"worker-0-{int(start * 1e9)}.ndjson").write_text("".join(lines))
    shown = modelway("rollout", "compare", "vision/digits", "v1", "v2", "--since", "5m")
    assert shown.returncode == 0, shown.stderr
    words = [line.split() for line in shown.stdout.splitlines()]
    baseline = next(line for line in words if line[:1] == ["v1"])
    assert baseline[1:6] == ["1200", "0", "0.00", "%", "0"]
    assert float(baseline[6]) == pytest.approx(0.903, rel=0.03)
    assert any(line[:2] == ["errors", "worse"] for line in words)
    assert shown.stdout.splitlines()[-1].startswith("v2 is worse: error rate of v2 is higher: between +")
    for output, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        found = load(modelway("rollout", "compare", "vision/digits", "v1", "v2", "-o", output).stdout)
        assert (found["verdict"], found["versions"][1]["requests"]) == ("worse", 1200)
    refused = modelway("rollout", "compare", "vision/digits", "v1", "v9")
    assert refused.returncode == 1
    assert "version_not_found" in refused.stderr
    assert modelway("rollout", "compare", "vision/digits", "v1").returncode == 2
