"""Where questions are asked: starts the process that answers, keeps its time, and ends it when nobody waits any more."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from modelway.errors import DeadlineExceededError, ModelwayError, OverloadedError, UnavailableError
from modelway_platform.domain.verdicts.record_query import Asked, ReadyQuestion, RecordQuery
from modelway_platform.insight.query.messages import Job, Refused
from modelway_platform.insight.query.questions import ready_questions, written_out
from modelway_platform.insight.query.spill import Spill, spill_below
from modelway_platform.insight.query.statement import too_costly
from modelway_platform.insight.query.views import Elsewhere, setup_of

MEMORY_MIB = 1024
THREADS = 2
AT_ONCE = 2
MOST_WAITING = 8
QUESTIONS = "questions"
"""In the store: what its questions spill."""
_LOOK_SECONDS = 0.2
# Of a process that nobody trusts: nothing of ours in its environment, no folder of ours under its feet but one for itself.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
_COMMAND = (sys.executable, "-I", "-m", "modelway_platform.insight.query.child")


class QueryDesk:
    """Answers questions of one store; may be called in several threads.

    Args:
        folder: The store.
        memory: Of one question, in MiB.
        threads: Of one question.
        elsewhere: Where records are that the store has let go.
    """

    def __init__(
        self, folder: Path, memory: int = MEMORY_MIB, threads: int = THREADS, elsewhere: Elsewhere | None = None
    ) -> None:
        self._folder = folder
        self._elsewhere = elsewhere
        self._memory = memory
        self._threads = threads
        self._turns = threading.Semaphore(AT_ONCE)
        self._room = threading.Semaphore(AT_ONCE + MOST_WAITING)

    def questions(self) -> Sequence[ReadyQuestion]:
        """Those that need not be written."""
        return ready_questions()

    def ask(self, asked: Asked, *, abandoned: Callable[[], bool]) -> tuple[str, bytes]:
        """The SQL of a ready question, and its answer; raises as `query` does."""
        query = written_out(asked)
        return query.sql, self.query(query, abandoned=abandoned)

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes:
        """The answer as JSON: `columns` (name, type), `rows`, `truncated`. Takes its time, so call it in a thread.

        Args:
            query: Anything; it need not be SQL.
            abandoned: Asked now and then whether to give up.

        Raises:
            InvalidRequestError: Not a question that is answered; code `invalid_query`.
            ModelwayError: It needs too much memory, or its answer is too long; code `query_too_costly`.
            DeadlineExceededError: It took too long.
            OverloadedError: Too many questions are waiting.
            UnavailableError: It was to be given up.
        """
        if not self._room.acquire(blocking=False):
            raise OverloadedError("too many queries wait for their turn", hint="ask again in a moment")
        try:
            while not self._turns.acquire(timeout=_LOOK_SECONDS):
                _stop_if(abandoned)
            try:
                return self._answer(query, abandoned)
            finally:
                self._turns.release()
        finally:
            self._room.release()

    def _answer(self, query: RecordQuery, abandoned: Callable[[], bool]) -> bytes:
        with spill_below(self._folder / QUESTIONS) as spill:
            return self._asked(self._job(query, spill, abandoned), spill, query, abandoned)

    def _asked(self, job: Job, spill: Spill | None, query: RecordQuery, abandoned: Callable[[], bool]) -> bytes:
        process = subprocess.Popen(
            _COMMAND,
            env=_ENVIRONMENT,
            cwd=spill.folder if spill is not None else "/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            close_fds=True,
        )
        try:
            output = _output(process, msgspec.json.encode(job), query.seconds, abandoned)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
        return _read(process.returncode, output, job)

    def _job(self, query: RecordQuery, spill: Spill | None, abandoned: Callable[[], bool]) -> Job:
        setup, paths = setup_of(self._folder, query.since, self._elsewhere, lambda: _stop_if(abandoned))
        return Job(
            sql=query.sql,
            parameters=dict(query.parameters),
            setup=setup,
            paths=paths,
            rows=query.rows,
            seconds=query.seconds,
            memory=self._memory,
            threads=self._threads,
            spill=spill.most if spill is not None else 0,
        )


def _output(process: subprocess.Popen[bytes], given: bytes, seconds: float, abandoned: Callable[[], bool]) -> bytes:
    deadline = time.monotonic() + seconds
    first: bytes | None = given
    while True:
        try:
            return process.communicate(first, timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            first = None
            _stop_if(abandoned)
            if time.monotonic() >= deadline:
                raise DeadlineExceededError(
                    f"the query took longer than {seconds:g} s",
                    hint="ask for a shorter time (since), or give it more seconds",
                ) from None


def _read(status: int, output: bytes, job: Job) -> bytes:
    if status == 0:
        return output
    if status == 3:
        refused = msgspec.json.decode(output, type=Refused)
        raise ModelwayError(refused.message, hint=refused.hint, code=refused.code)
    # Out of address space, or killed by one of the bounds that the kernel keeps.
    raise too_costly(f"it needs more than {job.memory} MiB of memory, or too much else", job.sql)


def _stop_if(abandoned: Callable[[], bool]) -> None:
    if abandoned():
        raise UnavailableError("nobody waits for this answer any more", hint="ask again")
