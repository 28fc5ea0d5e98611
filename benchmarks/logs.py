"""The log pipeline under load: what is lost, how late Parquet is, what collecting costs, and how fast questions are answered: `make bench-logs`.

* Writers are processes with the gateway's own `AccessLog`, at a fixed rate of records together; the collector is the platform's own process.
* `lag_s` is the age of the oldest record of a Parquet file when the file was there, the largest of all files.
* The question is the ready one, `p99`, asked as the API asks it, over ten million records of the last hour (and a hundred million of ten hours, if asked for);
  those files are made by DuckDB in the store's shape, for collecting them would take a quarter of an hour.
* `gateway_cost_share`: a gateway worker under wrk leaves records and counters out every other moment; CPU a request of both.

The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import resource
import secrets
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.gateway_log_cost import cost_share
from benchmarks.machine import cpu_seconds, describe_machine, stop
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.domain.verdicts.record_query import Asked
from modelway_platform.gateway.proxy.access_log import AccessLog
from modelway_platform.insight.collect.engine import Written
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.ledger import Ledger, live_files
from modelway_platform.insight.query.desk import QueryDesk

WRITERS = 2
TICK = 0.05
_PER_FILE = 2_000_000
_WANTED = {"seconds": 60.0, "rate": 10_000}


def main() -> None:
    """The pipeline, the question and the gateway's cost, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=_WANTED["seconds"], help="of writing; 600 is the full run")
    parser.add_argument("--rate", type=int, default=_WANTED["rate"], help="records a second, all writers together")
    parser.add_argument("--records", type=int, default=10_000_000, help="that the question is asked of")
    parser.add_argument(
        "--hundred-million", action="store_true", help="ask a hundred million, too: minutes, and 2 GB of disk"
    )
    parser.add_argument(
        "--made",
        type=Path,
        help="a folder in which made records are kept, and found by the next run; else they are deleted",
    )
    parser.add_argument("--rounds", type=int, default=5, help="of wrk against each gateway")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as name:
        root = Path(name)
        found = pipeline(StateDirectory(root=root / "home"), given.rate, given.seconds)
        print(json.dumps(found))
        made = given.made or root
        ten = question(made / "ten", given.records, hours=1)
        found |= {"query_10m_s": ten.seconds, "query_10m_best_s": ten.best, "query_bytes_per_record": ten.octets}
        print(f"p99 by version over {given.records:,} records of an hour: {ten}")
        if given.hundred_million:
            hundred = question(made / "hundred", given.records * 10, hours=10)
            found |= {"query_100m_s": hundred.seconds, "query_100m_best_s": hundred.best}
            found |= {"query_100m_cpu_s": hundred.cpu, "query_100m_mib": hundred.mib}
            print(f"over {given.records * 10:,} of ten hours: {hundred}")
        found |= cost_share(root / "gateway", given.rounds)
    print(json.dumps(found | describe_machine()))


def pipeline(directory: StateDirectory, rate: int, seconds: float) -> dict[str, object]:
    """Writes at a rate while the collector collects; then everything that was written has to be there, once."""
    directory.make()
    lifeline, held = os.pipe()
    command = [sys.executable, "-m", "modelway_platform.apps.collector", "--directory", str(directory.root)]
    collector = subprocess.Popen([*command, "--lifeline", str(lifeline)], pass_fds=(lifeline,))
    os.close(lifeline)
    context = multiprocessing.get_context("spawn")
    counts: multiprocessing.Queue[tuple[int, int]] = context.Queue()
    writers = [
        context.Process(target=write, args=(directory.access_logs, index, rate / WRITERS, seconds, counts))
        for index in range(WRITERS)
    ]
    try:
        for each in writers:
            each.start()
        time.sleep(2)  # the writers are up
        before, began, lag = cpu_seconds(collector.pid), time.monotonic(), 0.0
        while any(each.is_alive() for each in writers):
            time.sleep(5)
            lag = max(lag, largest_lag(directory))
        used, elapsed = cpu_seconds(collector.pid) - before, time.monotonic() - began
        written, dropped = (sum(each) for each in zip(*(counts.get() for _ in writers), strict=True))
        stop(collector, signal.SIGTERM)
        lag = max(lag, largest_lag(directory))
    finally:
        os.close(held)
        stop(collector, signal.SIGKILL)
    records, distinct, size = stored(directory)
    return {
        "records": written,
        "records_per_s": round(written / seconds),
        "lost": written - distinct,
        "twice": records - distinct,
        "dropped": dropped,
        "lag_s": round(lag, 2),
        "collector_cpu_cores": round(used / elapsed, 3),
        "bytes_per_record": round(size / max(records, 1), 1),
        "seconds": seconds,
    }


def write(
    folder: Path, index: int, rate: float, seconds: float, counts: "multiprocessing.Queue[tuple[int, int]]"
) -> None:
    """One gateway worker's log at a steady rate: a number in each record's id, everything else as requests have it."""
    log = AccessLog(folder, index)
    prefix = secrets.token_hex(8).encode()  # as ids of the gateway are
    began = time.monotonic()
    number = 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * rate)
        while number < due:
            log.append(line(index, prefix, number))
            number += 1
        log.flush()
        time.sleep(max(0.0, TICK - (time.monotonic() - began - elapsed)))
    log.close()
    counts.put((number, log.dropped + log.uncollected))


def line(index: int, prefix: bytes, number: int) -> bytes:
    """A record as `AccessLog.record` makes it, with a third of all durations another."""
    now = time.time_ns() // 1000
    took = 900 + hash((number, index)) % 40_001
    return (
        b'{"time":%d.%06d,"request_id":"%b-%x","project":"p%d","model":"digits","version":"v%d","endpoint":"predict",'
        b'"method":"POST","path":"/p%d/digits/predict","reason":"weights 80/20","consumer":"shop","replica":"digits-v1-%d","status":200,"code":"",'
        b'"duration_us":%d,"upstream_us":%d,"bytes_in":%d,"bytes_out":58,"key":"k1","retries":0,"client":"127.0.0.1","worker":%d}\n'
        % (
            *divmod(now, 1_000_000), prefix, number, number % 3, 1 + (number % 5 == 0), number % 3, number % 4,
            took, took - 200, 100 + number % 300, index,
        )
    )  # fmt: skip


def largest_lag(directory: StateDirectory) -> float:
    """Of all files that came straight from segments."""
    ledger = directory.log_store / "ledger.db"
    if not ledger.exists():
        return 0.0
    with sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True, timeout=10) as database:
        found = database.execute("SELECT max(made - first) FROM files WHERE hour = 0").fetchone()[0]
    database.close()
    return float(found or 0.0)


def stored(directory: StateDirectory) -> tuple[int, int, int]:
    """Records, different ones, and octets of the store."""
    files = live_files(directory.log_store / "ledger.db", ACCESS.name)
    paths = [str(directory.log_store / each.path) for each in files]
    with duckdb.connect() as database:
        found = database.execute(
            "SELECT count(*), count(DISTINCT request_id) FROM read_parquet(?, hive_partitioning = false)", [paths]
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1]), sum(each.size for each in files)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a question took.

    Args:
        seconds: The middle of five, the process that answers it included.
        best: The quickest.
        cpu: Seconds of CPU time, of the quickest.
        mib: The most memory of the processes that answered, as it was seen five times a second.
        octets: Per record.
    """

    seconds: float
    best: float
    cpu: float
    mib: int
    octets: float


def question(root: Path, records: int, hours: int) -> Answered:
    """The ready question over so many records of the last hours, asked five times."""
    size = kept_size(root, records) or make_store(root, records, time.time() - hours * 3600 + 60, hours)
    desk = QueryDesk(root)
    asked = Asked(
        name="p99", since=min(each.first for each in live_files(root / "ledger.db", ACCESS.name)) - 30, seconds=300
    )
    took: list[tuple[float, float]] = []
    peak = PeakLook()
    for _ in range(5):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        answer = json.loads(desk.ask(asked, abandoned=peak)[1])
        elapsed, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append((elapsed, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime))
        if sum(row[3] for row in answer["rows"]) != records:
            raise SystemExit("bench-logs: the question did not see every record")
    best, cpu = min(took)
    middle = statistics.median(seconds for seconds, _ in took)
    return Answered(round(middle, 3), round(best, 3), round(cpu, 2), peak.mib, round(size / records, 1))


class PeakLook:
    """Looks at the most memory that the processes which answer have taken; never gives up."""

    def __init__(self) -> None:
        self.mib = 0

    def __call__(self) -> bool:
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has just ended
                for pid in (task / "children").read_text().split():
                    self.mib = max(self.mib, _peak_mib(int(pid)))
        return False


def _peak_mib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) >> 10
    return 0


def kept_size(root: Path, records: int) -> int:
    """Octets of the store that an earlier run made; 0 if there is none, or not a whole one."""
    files = live_files(root / "ledger.db", ACCESS.name) if (root / "ledger.db").exists() else []
    return sum(each.size for each in files) if sum(each.records for each in files) == records else 0


def make_store(root: Path, records: int, began: float, hours: int) -> int:
    """Files as the collector leaves them for hours that are over; returns their octets."""
    folder = StoreFolder(root)
    folder.empty_work()
    ledger = Ledger(folder.ledger)
    size, step = 0, (hours * 3600 - 120) / records
    for first in range(0, records, _PER_FILE):
        count = min(_PER_FILE, records - first)
        path = folder.work / "made.parquet"
        with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as database:
            database.execute(
                f"COPY (SELECT {_made_columns(began, step)} FROM range({first}, {first + count})) TO '{path}'"
                " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
            )
        start = began + first * step
        hour = int(start) // 3600 * 3600
        written = Written(path, count, start, start + count * step, "p0", hour)
        file = folder.place(ACCESS, written, time.time())
        ledger.took(ACCESS.name, [], [file], 0)
        size += file.size
    ledger.close()
    return size


def _made_columns(began: float, step: float) -> str:
    made = {
        "time": f"make_timestamptz((({began!r} + range * {step!r}) * 1000000)::BIGINT)",
        "request_id": "printf('%016x%016x', hash(range), range)",
        "project": "'p' || range % 3",
        "model": "'digits'",
        "version": "'v' || 1 + (range % 5 = 0)::INT",
        "endpoint": "'predict'",
        "method": "'POST'",
        "path": "'/p' || range % 3 || '/digits/predict'",
        "status": "CASE WHEN hash(range) % 100 = 0 THEN 500 ELSE 200 END",
        "duration_us": "(900 + hash(range) % 40000)::BIGINT",
        "upstream_us": "(700 + hash(range) % 40000)::BIGINT",
        "bytes_in": "(100 + range % 300)::BIGINT",
        "bytes_out": "58",
        "replica": "'digits-v1-' || range % 4",
        "retries": "0",
        "worker": "range % 2",
        "mirrored": "false",
        "internal": "false",
    }
    plain = {"text": "''", "flag": "false"}
    return ", ".join(
        f'({made.get(each.name) or plain.get(each.type, "NULL")})::{each.sql_type} AS "{each.name}"'
        for each in ACCESS.columns
    )


if __name__ == "__main__":
    main()
