"""Questions of collected records: answered over what counts, refused when they are anything but questions."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import DeadlineExceededError, InvalidRequestError, ModelwayError, UnavailableError
from modelway_platform.domain.verdicts.record_query import Asked, RecordQuery
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, INFERENCE
from modelway_platform.insight.collect.plan import Keeping, Tidiness
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.query.desk import QueryDesk

NOW = time.time()
SECRET = "not for those who ask"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of records: v1 fast, v2 slow and sometimes failing, copies from v1 to v2; some collected lately."""
    root = tmp_path_factory.mktemp("logs")
    folder = root / "access"
    folder.mkdir()
    (root / "secret.txt").write_text(SECRET)
    collector = Collector(
        StoreFolder(root / "store"), [Source(ACCESS, folder), Source(INFERENCE, root / "replicas", "inference")], Keeping(seconds=1e9, octets=1 << 40),
        tidiness=Tidiness(recent_files=1),
    )  # fmt: skip
    for part in range(2):
        lines: list[str] = []
        for number in range(part * 100, part * 100 + 100):
            slow = number % 2
            record: dict[str, Any] = {
                "time": NOW - 7200 + number * 36, "request_id": f"r{number}", "project": "vision", "model": "digits",
                "version": f"v{1 + slow}", "status": 500 if number % 20 == 1 else 200, "code": "", "key": "k1",
                "replica": f"rep{slow}",
                "duration_us": 50_000 + number if slow else 1000 + number, "bytes_in": 1, "bytes_out": 2, "worker": 0,
                "consumer": "shop",
            }  # fmt: skip
            lines.append(json.dumps(record))
            if number % 5:
                infer(
                    root,
                    f"rep{slow}",
                    record | {"duration_us": 700, "queue_us": 100, "batch": 2, "fields": {"n": number}},
                )
                infer(root, f"rep{slow}", record | {"duration_us": 1, "step": "scale"})
            if number % 10 == 0:
                copy = record | {
                    "mirrored": True,
                    "version": "v2",
                    "replica": "rep1",
                    "primary": "v1",
                    "primary_us": 1000,
                    "agree": number > 50,
                }
                lines.append(json.dumps(copy))
                infer(root, "rep1", copy | {"duration_us": 30, "inference_us": 9})
        with (folder / "worker-0-1.ndjson").open("a") as file:
            file.write("\n".join(lines) + "\n")
        collector.collect()
        if not part:
            collector.tidy()
    collector.close()
    return root


def infer(root: Path, replica: str, record: dict[str, Any]) -> None:
    folder = root / "replicas" / replica / "inference"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "worker-0-1.ndjson").open("a") as file:
        file.write(json.dumps(record) + "\n")


@pytest.fixture
def desk(root: Path) -> QueryDesk:
    return QueryDesk(root / "store")


def wanted() -> bool:
    return False


def query(desk: QueryDesk, sql: str, **more: Any) -> dict[str, Any]:
    return json.loads(desk.query(RecordQuery(sql=sql, **more), abandoned=wanted))


def ask(desk: QueryDesk, name: str, **more: Any) -> list[dict[str, Any]]:
    answer = json.loads(desk.ask(Asked(name=name, **more), abandoned=wanted)[1])
    names = [each["name"] for each in answer["columns"]]
    return [dict(zip(names, row, strict=True)) for row in answer["rows"]]


def test_answers_have_columns_rows_and_say_when_there_were_more(desk: QueryDesk) -> None:
    found = query(
        desk, "SELECT version, count(*) AS n FROM access WHERE NOT mirrored GROUP BY version ORDER BY version"
    )
    assert found == {
        "columns": [{"name": "version", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}],
        "rows": [["v1", 100], ["v2", 100]],
        "truncated": False,
    }
    found = query(desk, "FROM access", rows=7)
    assert len(found["rows"]) == 7
    assert found["truncated"] is True
    assert query(desk, "FROM access", rows=220)["truncated"] is False
    assert query(desk, "SELECT count(*) FROM access", since=NOW - 3601)["rows"] == [[110]]
    seconds = int(3600 + time.time() - NOW)  # many tests may have come before this one
    lately = query(desk, f"SELECT count(*) FROM access WHERE time > ago('{seconds} seconds')")
    assert lately["rows"][0][0] in {108, 109, 110}
    assert query(desk, "EXPLAIN SELECT 1")["columns"][0]["name"] == "explain_key"


def test_values_without_a_form_in_json_get_one(desk: QueryDesk) -> None:
    found = query(
        desk,
        "SELECT 170141183460469231731687303715884105727::HUGEINT, 'nan'::DOUBLE, 1.5::DECIMAL(4, 2), MAP {1: [2]}, "
        "NULL, INTERVAL 1 DAY, 'a'::BLOB, TIMESTAMPTZ '2026-01-02 03:04:05Z', TRUE",
    )
    row = found["rows"][0]
    assert row[0] == 170141183460469231731687303715884105727
    assert row[1] is None
    assert row[4] is None
    assert row[8] is True
    assert json.dumps(row)


def test_where_nothing_was_collected_yet_there_is_nothing(tmp_path: Path) -> None:
    assert query(QueryDesk(tmp_path / "none"), "FROM access")["rows"] == []


def test_ready_questions_count_callers_and_keep_copies_apart(desk: QueryDesk) -> None:
    traffic = ask(desk, "traffic")
    assert {each["version"]: each["requests"] for each in traffic} == {"v1": 100, "v2": 100}
    assert {each["version"]: each["failed_percent"] for each in traffic} == {"v1": 0, "v2": 10}
    slowest = ask(desk, "slowest", rows=1)
    assert slowest[0]["request_id"] == "r199"
    assert ask(desk, "p99", version="v1")[0]["p99_ms"] == pytest.approx(1.197, abs=0.01)
    errors = ask(desk, "errors")
    assert [(each["status"], each["requests"], each["request_id"]) for each in errors] == [(500, 10, "r181")]
    assert ask(desk, "consumers")[0]["consumer"] == "shop"
    assert sum(each["requests"] for each in ask(desk, "timeline", rows=1000)) == 200
    mirrors = ask(desk, "mirrors")
    assert [(each["primary"], each["version"], each["copies"], each["agree_percent"]) for each in mirrors] == [
        ("v1", "v2", 20, 70.0)
    ]
    assert ask(desk, "traffic", project="other") == []
    assert ask(desk, "traffic", project="' OR true --") == []
    with pytest.raises(InvalidRequestError, match="no question"):
        desk.ask(Asked(name="everything"), abandoned=wanted)


NO_QUESTIONS = [
    "", "--", ";", "SELECT", "SELEC 1", "SELECT 1; SELECT 2", "SELECT 1; COPY access TO '/tmp/x.csv'",
    "COPY access TO '{root}/out.csv'", "COPY (SELECT 1) TO '{file}'", "EXPORT DATABASE '{root}/out'",
    "ATTACH '{root}/store/ledger.db' (TYPE sqlite)", "ATTACH '{root}/new.db'", "INSTALL httpfs", "LOAD httpfs",
    "PRAGMA database_list", "SET memory_limit = '100GB'", "SET enable_external_access = true", "RESET lock_configuration",
    "CREATE TABLE t AS SELECT 1", "CREATE OR REPLACE VIEW access AS SELECT 1", "DROP VIEW access", "INSERT INTO access SELECT 1",
    "DELETE FROM access", "CALL pragma_version()", "EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/out.csv'",
    "EXPLAIN (FORMAT json) COPY (SELECT 1) TO '{root}/out.csv'", "EXPLAIN EXPLAIN SELECT 1", "PREPARE x AS SELECT 1", "CHECKPOINT",
    "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", "SELECT * FROM query('COPY (SELECT 1) TO ''x''')",
    "USE memory", "EXECUTE x", "BEGIN", "CREATE SECRET (TYPE s3)", "SELECT $nobody", "x" * 40_000, "(" * 20_000,
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
]  # fmt: skip
OUT_OF_REACH = [
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_text('{root}/secret.txt')", "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_blob('/proc/self/environ')", "SELECT * FROM read_csv('{root}/secret.txt')",
    "SELECT * FROM read_json('{root}/access/worker-0-1.ndjson')", "SELECT * FROM glob('{root}/*')",
    "SELECT * FROM read_parquet('{root}/store/access/*/*.parquet')", "SELECT * FROM sniff_csv('{root}/secret.txt')",
    "SELECT * FROM 'http://127.0.0.1:9/x.parquet'", "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM parquet_metadata('{root}/store/access/*/*.parquet')", "SELECT * FROM read_text('{root}/store/ledger.db')",
    "SELECT * FROM sqlite_scan('{root}/store/ledger.db', 'files')", "SELECT getenv('HOME')", "SELECT * FROM job",
    "SELECT * FROM duckdb_secrets()", "SELECT * FROM query_table('/etc/passwd')",
]  # fmt: skip


@pytest.mark.parametrize("sql", NO_QUESTIONS, ids=lambda sql: sql[:60])
def test_what_is_no_question_is_refused(desk: QueryDesk, root: Path, sql: str) -> None:
    live = str(next(root.glob("store/access/**/*.parquet")))
    before = sorted(root.rglob("*"))
    with pytest.raises(ModelwayError) as caught:
        query(desk, sql.replace("{root}", str(root)).replace("{file}", live))
    assert caught.value.error_code == "invalid_query", caught.value.message
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("sql", OUT_OF_REACH)
def test_files_and_addresses_are_out_of_reach(desk: QueryDesk, root: Path, sql: str) -> None:
    with pytest.raises(ModelwayError) as caught:
        query(desk, sql.replace("{root}", str(root)))
    assert caught.value.error_code == "invalid_query"
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 3000000000)",
        "SELECT list(i) FROM range(1000000000) t(i)",
        "SELECT repeat('x', 1000000) FROM range(1000)",
    ],
)
def test_what_takes_too_much_memory_ends_with_its_process(root: Path, sql: str) -> None:
    with pytest.raises(ModelwayError) as caught:
        query(QueryDesk(root / "store", memory=256), sql)
    assert caught.value.error_code == "query_too_costly"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(a.i * b.i) FROM range(100000000) a(i), range(1000000) b(i)",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM access a, access b, access c, access d, access e",
    ],
)
def test_what_takes_too_long_is_ended(desk: QueryDesk, sql: str) -> None:
    with pytest.raises(DeadlineExceededError):
        query(desk, sql, seconds=1.5)
    assert "insight.query.child" not in _children()


def test_a_question_nobody_waits_for_is_ended(desk: QueryDesk) -> None:
    asked = RecordQuery(sql="SELECT sum(a.i * b.i) FROM range(100000000) a(i), range(1000000) b(i)", seconds=60)
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        desk.query(asked, abandoned=lambda: time.monotonic() - began > 0.5)
    assert time.monotonic() - began < 20
    assert "insight.query.child" not in _children()


def _children() -> str:
    return subprocess.run(
        ["ps", "-o", "args", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    ).stdout


def test_requests_are_joined_to_what_became_of_them(desk: QueryDesk) -> None:
    (counted,) = query(desk, "SELECT count(*), count(server_us), count(*) FILTER (mirrored) FROM requests")["rows"]
    assert counted == [220, 160 + 20, 20], "each access record once, steps not at all"
    sql = "SELECT mirrored, version, server_us, queue_us, inference_us, batch, fields->>'n' FROM requests WHERE request_id = $id"
    desk_rows = query(desk, sql.replace("$id", "'r41'"))["rows"]
    assert desk_rows == [[False, "v2", 700, 100, None, 2, "41"]]
    both = query(desk, sql.replace("$id", "'r40'") + " ORDER BY mirrored")["rows"]
    assert both == [[False, "v1", None, None, None, None, None], [True, "v2", 30, None, 9, None, None]]
    stages = {each["version"]: each for each in ask(desk, "stages")}
    assert (stages["v1"]["requests"], stages["v1"]["queue_ms"], stages["v1"]["batch"]) == (80, 0.1, 2)
    assert query(desk, "SELECT count(*) FROM inference WHERE step = 'scale'")["rows"] == [[160]]
