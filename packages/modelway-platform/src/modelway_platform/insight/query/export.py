"""A data set of what a model was asked and said, with the truth where it was fed back: one Parquet file, made by a process of its own."""

import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from modelway.errors import DeadlineExceededError, ModelwayError, UnavailableError
from modelway_platform.domain.verdicts.record_query import Exported
from modelway_platform.insight.query.messages import ExportJob
from modelway_platform.insight.query.spill import spill_below
from modelway_platform.insight.query.views import Elsewhere, setup_of, text

MEMORY_MIB = 1024
_MOST_MIB = 1 << 20  # all rows are put in order, so what is free is the bound
_LOOK_SECONDS = 0.2
_COMMAND = (sys.executable, "-I", "-m", "modelway_platform.insight.query.export_child")
COLUMNS = (
    "time, request_id, project, model, version, endpoint, mirrored, request AS input, answer AS output, fields,"
    " prediction, label, reward, correct, answer_truncated AS output_truncated"
)


class Exporter:
    """Makes data sets of one store.

    Args:
        folder: The store.
        memory: Of one export, in MiB; what does not fit is spilled beside it.
        elsewhere: Where records are that the store has let go.
    """

    def __init__(self, folder: Path, memory: int = MEMORY_MIB, elsewhere: Elsewhere | None = None) -> None:
        self._folder = folder
        self._elsewhere = elsewhere
        self._memory = memory

    @contextmanager
    def export(self, wanted: Exported, *, abandoned: Callable[[], bool]) -> Generator[Path]:
        """The file, while the context lasts. Takes its time, so call it in a thread.

        Raises:
            ModelwayError: There is no room for it; code `storage_full`. Or it needs too much memory; code `query_too_costly`.
            DeadlineExceededError: It took too long.
            UnavailableError: It was to be given up.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _full() from error
        with spill_below(self._folder / "exports", _MOST_MIB) as spill:
            if spill is None:
                raise _full()
            to = spill.folder / "data.parquet"
            self._make(wanted, to, spill.most, abandoned)
            yield to

    def _make(self, wanted: Exported, to: Path, spill: int, abandoned: Callable[[], bool]) -> None:
        def stop() -> None:
            if abandoned():
                raise UnavailableError("nobody waits for this export any more", hint="ask again")

        setup, _ = setup_of(self._folder, wanted.since, self._elsewhere, stop)
        job = ExportJob(setup=setup, select=select_of(wanted), to=str(to), memory=self._memory, spill=spill)
        process = subprocess.Popen(
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/"
        )
        try:
            said = _wait(process, msgspec.json.encode(job), wanted.seconds, abandoned)
        finally:
            process.kill()
            process.wait()
        if process.returncode == 4:
            raise _full()
        if process.returncode != 0:
            why = said.decode(errors="replace")[:300] or f"it ended with status {process.returncode}"
            raise ModelwayError(f"the export: {why}", hint="ask for a shorter time (since)", code="query_too_costly")


def select_of(wanted: Exported) -> str:
    """In order of time and id, so that the same records give the same file."""
    where = ["status = 200"]
    for column, value in (("project", wanted.project), ("model", wanted.model), ("version", wanted.version)):
        if value:
            where.append(f"{column} = {text(value)}")
    if wanted.until:
        where.append(f"time < to_timestamp({wanted.until!r})")
    if not wanted.mirrored:
        where.append("NOT mirrored")
    if wanted.labelled:
        where.append("(label IS NOT NULL OR reward IS NOT NULL)")
    return f"SELECT {COLUMNS} FROM predictions WHERE {' AND '.join(where)} ORDER BY time, request_id, version"  # noqa: S608 - quoted


def _wait(process: subprocess.Popen[bytes], given: bytes, seconds: float, abandoned: Callable[[], bool]) -> bytes:
    deadline = time.monotonic() + seconds
    first: bytes | None = given
    while True:
        try:
            return process.communicate(first, timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            first = None
            if abandoned():
                raise UnavailableError("nobody waits for this export any more", hint="ask again") from None
            if time.monotonic() >= deadline:
                raise DeadlineExceededError(
                    f"the export took longer than {seconds:g} s", hint="ask for a shorter time (since)"
                ) from None


def _full() -> ModelwayError:
    return ModelwayError(
        "the data set was not made: the disk of the logs is full or failing",
        hint="free space there, or ask for a shorter time (since)",
        code="storage_full",
    )
