"""The process that writes one data set and ends: at low priority, within its memory, spilling to the folder it writes to."""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from modelway_platform.insight.query.messages import ExportJob
from modelway_platform.insight.query.spill import INSIDE

_SET_PARENT_DEATH_SIGNAL = 1
FAILED, NO_ROOM = 3, 4


def main() -> int:
    """Reads a job from stdin; returns the exit status: 0 written, 3 failed (why is on stdout), 4 no room."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    os.nice(10)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ExportJob)
    try:
        _write(job)
    except (duckdb.IOException, OSError):
        return NO_ROOM
    except (duckdb.Error, MemoryError) as error:
        sys.stdout.write(type(error).__name__)
        return FAILED
    return 0


def _write(job: ExportJob) -> None:
    target = Path(job.to)
    config: dict[str, Any] = {
        "threads": 1,
        "memory_limit": f"{job.memory}MiB",
        "temp_directory": str(target.parent / INSIDE),
        "max_temp_directory_size": f"{job.spill}MiB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(":memory:", config=config) as database:
        database.execute("SET TimeZone = 'UTC'")
        for statement in job.setup:
            database.execute(statement)
        quoted = job.to.replace("'", "''")
        database.execute(f"COPY ({job.select}) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    sys.exit(main())
