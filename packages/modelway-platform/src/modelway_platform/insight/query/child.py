"""The process that answers one question and ends. It may read the files of the question's views, and write nothing but what it spills.

Bounds that DuckDB does not keep by itself (one string may take all memory, and cannot be interrupted) are set in the kernel
before the question is looked at; the time is kept by whoever started the process.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from modelway.errors import ModelwayError
from modelway_platform.insight.query.messages import Answer, AnswerColumn, Job, Refused
from modelway_platform.insight.query.plain_values import plain
from modelway_platform.insight.query.spill import INSIDE
from modelway_platform.insight.query.statement import Question, first_lines, question_of, refusal, too_costly
from modelway_platform.insight.query.write_guard import write_only_below

MOST_ANSWER_BYTES = 32 << 20
_FETCH_ROWS = 1024
# Beside what DuckDB counts: Python, stacks of threads, what allocators keep; and mapped code and reserved addresses, which are no memory.
_UNCOUNTED, _ADDRESSES = 768 << 20, 2 << 30
_SET_PARENT_DEATH_SIGNAL = 1


def main() -> int:
    """Reads a job from stdin, writes its answer to stdout; returns the exit status: 0 answered, 3 refused."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    _bind(job)
    try:
        answer, status = _answer(job), 0
    except ModelwayError as error:
        answer, status = msgspec.json.encode(Refused(error.error_code, error.message, error.hint)), 3
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return status


def _bind(job: Job) -> None:
    """From here on the kernel keeps the bounds, whatever the question does."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    os.nice(10)  # requests come first
    memory = job.memory << 20
    seconds = int(job.seconds * job.threads) + 2
    bounds = {
        resource.RLIMIT_DATA: memory + _UNCOUNTED,
        resource.RLIMIT_AS: memory + _ADDRESSES,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: job.spill << 20,
        resource.RLIMIT_CORE: 0,
    }
    for which, most in bounds.items():
        resource.setrlimit(which, (most, most))
    write_only_below(Path.cwd() if job.spill else None)


def _answer(job: Job) -> bytes:
    question = question_of(job.sql)
    try:
        with _database(job) as database:
            return _encoded(*_run(database, question, job), job)
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        disk = f" and {job.spill} MiB of disk" if job.spill else ""
        raise too_costly(f"it needs more than {job.memory} MiB of memory{disk}", job.sql) from error
    except duckdb.Error as error:
        if _of_spilling(error):
            raise too_costly(
                "it needs more memory than there is, and the disk of the logs has no room for the rest", job.sql
            ) from error
        raise refusal(_without_paths(first_lines(str(error)))) from error
    except (OverflowError, ValueError) as error:  # a point in time that Python has no word for
        raise refusal(f"its answer holds a value that cannot be shown: {str(error)[:200]}") from error


def _database(job: Job) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(
        ":memory:",
        config={
            "threads": job.threads,
            "memory_limit": f"{job.memory}MiB",
            "temp_directory": INSIDE if job.spill else "",
            "max_temp_directory_size": f"{job.spill}MiB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "python_scan_all_frames": "false",
        },
    )
    database.execute("SET TimeZone = 'UTC'")
    for statement in job.setup:
        database.execute(statement)
    database.execute("SET allowed_paths = $paths", {"paths": list(job.paths)})
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def _run(
    database: duckdb.DuckDBPyConnection, question: Question, job: Job
) -> tuple[duckdb.DuckDBPyConnection, tuple[AnswerColumn, ...]]:
    """The answer's rows, to be fetched, and its columns."""
    parameters = {name: value for name, value in job.parameters.items() if f"${name}" in question.sql}
    if parameters or question.explains:
        result = database.execute(question.sql, parameters)
        return result, _columns(result.description)
    # Whoever wrote it said nothing of how many rows are shown; with the limit, only these are kept while the others are sorted.
    columns = _columns(database.sql(question.sql).description)
    with suppress(duckdb.ParserException):  # something behind a semicolon
        return database.execute(f"SELECT * FROM ({question.sql}\n) LIMIT {job.rows + 1}"), columns  # noqa: S608 - it is one SELECT
    return database.execute(question.sql), columns


def _columns(description: Iterable[tuple[Any, ...]] | None) -> tuple[AnswerColumn, ...]:
    return tuple(AnswerColumn(name, str(kind)) for name, kind, *_ in description or ())


def _encoded(result: duckdb.DuckDBPyConnection, columns: tuple[AnswerColumn, ...], job: Job) -> bytes:
    encode = msgspec.json.Encoder(decimal_format="number").encode
    rows: list[msgspec.Raw] = []
    size, most = 0, job.rows
    while len(rows) <= most and (found := result.fetchmany(min(_FETCH_ROWS, most + 1 - len(rows)))):
        for row in found:
            text = _row(encode, row)
            size += len(text)
            if size > MOST_ANSWER_BYTES:
                raise too_costly(f"its answer is longer than {MOST_ANSWER_BYTES >> 20} MiB", job.sql)
            rows.append(msgspec.Raw(text))
    return encode(Answer(columns=columns, rows=rows[:most], truncated=len(rows) > most))


def _row(encode: Any, row: tuple[Any, ...]) -> bytes:
    try:
        return encode(row)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError, RecursionError):
        return encode([plain(value) for value in row])


def _of_spilling(error: duckdb.Error) -> bool:
    return isinstance(error, duckdb.IOException) and "duckdb_temp" in str(error)


def _without_paths(message: str) -> str:
    """Callers learn nothing of where files lie."""
    head, found, _ = message.partition("file system operations are disabled")
    return "files, addresses and extensions are out of reach; only the views can be read" if found and head else message


if __name__ == "__main__":
    sys.exit(main())
