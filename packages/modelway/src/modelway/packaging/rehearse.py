"""Rehearses a package before it is made: a child process loads the handler and answers the golden examples.

A child, because a modeller's code may hang, crash, print or change the process; and because nothing but the staged
files is there, what was left out of the package is noticed now and not on a cluster.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelway.errors import InvalidPackageError
from modelway.packaging.golden_examples import difference, short
from modelway.packaging.manifest import Example, ProfilePoint

# By name: the child stands on the testing path, a layer above this one.
CHILD_MODULE = "modelway.cli.answer_examples"
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the child is told, as JSON on its stdin."""

    handler: str
    code: str
    files: str
    result: str
    examples: tuple[Example, ...]
    profile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the handler said to one example: a response, or the error in its place."""

    seconds: float
    response: Any = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the child writes: a failure, or signature and answers."""

    failure: str = ""
    hint: str = ""
    load_seconds: float = 0.0
    signature: dict[str, Any] | None = None
    answers: tuple[Answer, ...] = ()
    profile: tuple[ProfilePoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One example's end: `problem` is empty if the answer was right."""

    example: Example
    seconds: float
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A handler that loads, what it declares and how it answered."""

    signature: dict[str, Any]
    load_seconds: float
    outcomes: tuple[Outcome, ...]
    profile: tuple[ProfilePoint, ...] = ()


def rehearse(
    handler: str,
    code: Path,
    files: Path,
    examples: Sequence[Example],
    timeout_seconds: float = TIMEOUT_SECONDS,
    *,
    interpreter: Path | None = None,
    profile: bool = False,
) -> Rehearsal:
    """Loads `handler` from `code` in a child process and asks it the examples.

    Args:
        handler: `module:Class`.
        code: Where its module is.
        files: What it sees as `self.files`.
        examples: What is asked.
        timeout_seconds: How long all of it may take.
        interpreter: Of another environment; the running one unless given.
        profile: Whether to measure batches, too.

    Raises:
        InvalidPackageError: It cannot be imported or loaded, dies, or takes longer than `timeout_seconds`.
    """
    with tempfile.TemporaryDirectory(prefix="modelway-rehearsal-") as name:
        work = Path(name)
        task = Task(
            handler=handler,
            code=str(code.resolve()),
            files=str(files.resolve()),
            result=str(work / "report.json"),
            examples=tuple(examples),
            profile=profile,
        )
        said = _run_child(task, work, timeout_seconds, interpreter or Path(sys.executable))
        try:
            report = msgspec.json.decode((work / "report.json").read_bytes(), type=Report)
        except (OSError, msgspec.MsgspecError) as error:
            message = f"{handler}: the process died while loading or answering{said}"
            raise InvalidPackageError(message, hint="`modelway serve` shows what happens.") from error
    if report.failure or report.signature is None:
        raise InvalidPackageError(f"{handler}: {report.failure}{said}", hint=report.hint)
    outcomes = tuple(
        Outcome(example=example, seconds=answer.seconds, problem=_problem(example, answer))
        for example, answer in zip(examples, report.answers, strict=True)
    )
    return Rehearsal(
        signature=report.signature, load_seconds=report.load_seconds, outcomes=outcomes, profile=report.profile
    )


def require_answers(rehearsal: Rehearsal) -> None:
    """Refuses a package whose handler does not answer every golden example as expected."""
    wrong = [(number, each) for number, each in enumerate(rehearsal.outcomes, start=1) if each.problem]
    if not wrong:
        return
    lines = [f"golden example {number} ({each.example.endpoint}): {each.problem}" for number, each in wrong[:5]]
    if len(wrong) > 5:
        lines.append(f"and {len(wrong) - 5} more")
    head = f"{len(wrong)} of {len(rehearsal.outcomes)} golden examples are not answered as expected\n  "
    raise InvalidPackageError(
        head + "\n  ".join(lines),
        hint="correct the handler or the example; for numbers that may differ a little, give the example a tolerance.",
    )


def _problem(example: Example, answer: Answer) -> str:
    if answer.error:
        wanted = "an answer" if example.response is None else short(example.response)
        return f"expected {wanted}, got {answer.error}"
    if example.response is None:
        return ""
    return difference(example.response, answer.response, example.tolerance)


def _run_child(task: Task, work: Path, timeout_seconds: float, interpreter: Path) -> str:
    """Runs the child to its end and returns the last it printed, for an error message."""
    printed = work / "printed"
    # -P keeps the current folder off the import path: only the staged code may be found.
    command = [str(interpreter), "-P", "-m", CHILD_MODULE]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        printed.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=work,
            env=environment,
            start_new_session=True,
        ) as child,
    ):
        try:
            child.communicate(msgspec.json.encode(task), timeout=timeout_seconds)
        except subprocess.TimeoutExpired as error:
            message = f"{task.handler}: not loaded and done with the golden examples after {timeout_seconds:g} s"
            hint = "make load() or the example smaller, or allow more with --timeout SECONDS."
            raise InvalidPackageError(message, hint=hint) from error
        finally:
            _end_group(child)
    tail = printed.read_bytes()[-4000:].decode(errors="replace").strip().splitlines()[-12:]
    return "\n  it printed:\n    " + "\n    ".join(tail) if tail else ""


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    # The group, so that processes the handler started go, too.
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
