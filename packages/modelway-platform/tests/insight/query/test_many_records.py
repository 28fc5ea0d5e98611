"""Questions of more records than fit into their memory: answered from counts or with what is spilled, or refused with what to write."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from modelway.errors import ModelwayError
from modelway_platform.domain.verdicts.record_query import Asked, RecordQuery
from modelway_platform.insight.collect.engine import Written
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.ledger import Ledger
from modelway_platform.insight.query.desk import QUESTIONS, QueryDesk
from modelway_platform.insight.query.questions import READY
from modelway_platform.insight.query.spill import spill_below

MANY = 3_000_000
MIB = 64
"""Of a question."""
EACH_ID = "SELECT count(*) FROM (SELECT request_id, count(*) AS n FROM access GROUP BY request_id) WHERE n = 1"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store: `MANY` requests to two versions within ten minutes, each with another id and most with other durations."""
    folder = StoreFolder(tmp_path_factory.mktemp("many"))
    folder.empty_work()
    began = int(time.time()) // 3600 * 3600 - 3600
    made = folder.work / "made.parquet"
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT to_timestamp({began} + i / {MANY} * 600) AS time, i::VARCHAR AS request_id,"
            " 'vision' AS project, 'digits' AS model, CASE WHEN i % 4 = 0 THEN 'v2' ELSE 'v1' END AS version, 200::BIGINT AS status,"
            " (hash(i) % 10000000)::BIGINT AS duration_us, false AS mirrored, false AS internal"
            f" FROM range({MANY}) t(i)) TO '{made}' (FORMAT parquet)"
        )
    file = folder.place(ACCESS, Written(made, MANY, began, began + 600, "vision", began), time.time())
    ledger = Ledger(folder.ledger)
    ledger.took(ACCESS.name, [], [file], 0)
    ledger.close()
    return folder.root


@pytest.fixture
def desk(many: Path) -> QueryDesk:
    return QueryDesk(many, memory=MIB)


def query(desk: QueryDesk, sql: str, **more: Any) -> dict[str, Any]:
    return json.loads(desk.query(RecordQuery(sql=sql, seconds=200, **more), abandoned=lambda: False))


@pytest.mark.parametrize("name", READY)
def test_ready_questions_need_little_memory(desk: QueryDesk, name: str) -> None:
    answer = json.loads(desk.ask(Asked(name=name, rows=20, seconds=200), abandoned=lambda: False)[1])
    names = [each["name"] for each in answer["columns"]]
    if "requests" in names and name not in {"errors", "stages"}:
        assert sum(row[names.index("requests")] for row in answer["rows"]) == MANY
    if name == "p99":
        for row in answer["rows"]:
            p99 = row[names.index("p99_ms")]
            assert p99 == pytest.approx(9900, rel=0.005), "durations are spread evenly over ten seconds"
    if name == "slowest":
        assert len(answer["rows"]) == 20
        assert answer["truncated"] is True
        slowest = [row[names.index("ms")] for row in answer["rows"]]
        assert slowest == sorted(slowest, reverse=True)
        assert slowest[0] > 9999


def test_an_exact_quantile_of_ones_own_is_refused_with_what_to_write(desk: QueryDesk) -> None:
    for written in ("quantile_cont(duration_us, 0.99)", "median(duration_us)", "percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_us)"):  # fmt: skip
        with pytest.raises(ModelwayError) as caught:
            query(desk, f"SELECT {written} FROM access, range(8)")  # 24 million durations are 192 MB
        assert caught.value.error_code == "query_too_costly"
        assert "quantile_near(duration_us, 0.99)" in (caught.value.hint or "")
    near = query(desk, "SELECT version, quantile_near(duration_us, 0.99) AS p99 FROM access GROUP BY version")
    assert [row[1] for row in near["rows"]] == pytest.approx([9_900_000] * 2, rel=0.005)


def test_what_does_not_fit_is_spilled_and_gone_afterwards(desk: QueryDesk, many: Path) -> None:
    assert query(desk, EACH_ID)["rows"] == [[MANY]]
    spilled = [each for each in many.rglob("*") if QUESTIONS in each.parts and each.name != QUESTIONS]
    assert spilled == []


def test_without_room_to_spill_it_is_refused(many: Path, tmp_path: Path) -> None:
    (tmp_path / "access").symlink_to(many / "access")
    (tmp_path / "ledger.db").symlink_to(many / "ledger.db")
    (tmp_path / QUESTIONS).write_text("a file where the folder would be")
    with pytest.raises(ModelwayError, match=f"more than {MIB} MiB of memory$") as caught:
        query(QueryDesk(tmp_path, memory=MIB), EACH_ID)
    assert caught.value.error_code == "query_too_costly"


def test_rows_that_are_not_shown_are_not_kept(desk: QueryDesk) -> None:
    answer = query(
        desk, "SELECT *, request_id || version AS both FROM access ORDER BY duration_us DESC; -- the slowest", rows=5
    )
    assert len(answer["rows"]) == 5
    assert answer["truncated"] is True
    durations = [row[[each["name"] for each in answer["columns"]].index("duration_us")] for row in answer["rows"]]
    assert durations == sorted(durations, reverse=True)
    twice = query(desk, "SELECT version, version, 1 AS a, 2 AS a FROM access ORDER BY request_id", rows=1)
    assert [each["name"] for each in twice["columns"]] == ["version", "version", "a", "a"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM glob('../*')",
        "SELECT * FROM read_text('../../ledger.db')",
        "SELECT * FROM read_blob('spill/../../*')",
    ],
)
def test_beside_what_is_spilled_nothing_can_be_read(desk: QueryDesk, sql: str) -> None:
    with pytest.raises(ModelwayError) as caught:
        query(desk, sql)
    assert caught.value.error_code == "invalid_query"


def test_folders_that_somebody_left_behind_are_deleted_and_those_in_use_are_not(tmp_path: Path) -> None:
    root = tmp_path / "questions"
    killed = (
        "import os, sys, pathlib\nfrom modelway_platform.insight.query.spill import spill_below\n"
        "with spill_below(pathlib.Path(sys.argv[1])) as spill:\n"
        "    (spill.folder / 'spill').mkdir()\n    (spill.folder / 'spill' / 'block').write_bytes(b'x' * 1000)\n    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(root)], check=False, env={**os.environ})
    (left,) = root.iterdir()
    assert (left / "spill" / "block").exists()
    with spill_below(root) as first:
        assert first is not None
        assert list(root.iterdir()) == [first.folder]
        with spill_below(root) as second:
            assert second is not None
            assert first.folder.is_dir()
            assert second.folder.is_dir()
    assert list(root.iterdir()) == []


def test_no_more_is_spilled_than_a_part_of_what_is_free(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path)
    with spill_below(tmp_path / "questions", 1 << 40) as spill:
        assert spill is not None
        assert 0 < spill.most <= (free.f_bavail * free.f_frsize >> 20) // 3
    with spill_below(tmp_path / "questions", 1) as spill:
        assert spill is None
    with spill_below(tmp_path / "nowhere" / "questions") as spill:
        assert spill is None
