"""Examines a project without making anything of it: every problem at once, not only the first."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from modelway.errors import ModelwayError
from modelway.packaging.build import Progress, silent
from modelway.packaging.declared_imports import undeclared_imports
from modelway.packaging.golden_examples import read_examples
from modelway.packaging.lock import LOCK_FILE, current_lock, lock_inputs
from modelway.packaging.manifest import Example
from modelway.packaging.project import Project, read_project
from modelway.packaging.project_files import Member, project_files
from modelway.packaging.rehearse import TIMEOUT_SECONDS, Rehearsal, rehearse
from modelway.packaging.staging import stage_members

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found.

    Args:
        project: The project, if its settings could be read.
        members: What would go in.
        rehearsal: How the handler did, if it could be loaded.
        problems: What a package would be refused for.
        remarks: What a package would be made in spite of.
    """

    project: Project | None = None
    members: tuple[Member, ...] = ()
    rehearsal: Rehearsal | None = None
    problems: tuple[ModelwayError, ...] = ()
    remarks: tuple[ModelwayError, ...] = ()


def examine(folder: Path, progress: Progress = silent, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Examination:
    """Does all `build` does before it writes, except locking; goes on after a problem where that makes sense."""
    problems: list[ModelwayError] = []

    def attempt(step: Callable[[], T]) -> T | None:
        try:
            return step()
        except ModelwayError as error:
            problems.append(error)
            return None

    progress("read the project")
    project = attempt(lambda: read_project(folder))
    if project is None:
        return Examination(problems=tuple(problems))
    examples = attempt(lambda: read_examples(project.folder / project.examples))
    members = attempt(lambda: project_files(project))
    rehearsal = None
    if members is not None:
        progress("answer the golden examples")
        rehearsal = attempt(lambda: _rehearse(project, members, examples or (), timeout_seconds))
    if rehearsal:
        problems += [
            ModelwayError(
                f"golden example {number} ({outcome.example.endpoint}): {outcome.problem}",
                hint="correct the handler or the example; a tolerance allows numbers to differ a little.",
                code="invalid_package",
            )
            for number, outcome in enumerate(rehearsal.outcomes, start=1)
            if outcome.problem
        ]
    progress("compare imports with dependencies")
    remarks = attempt(lambda: _remarks(project, members or ()))
    return Examination(
        project=project,
        members=members or (),
        rehearsal=rehearsal,
        problems=tuple(problems),
        remarks=remarks or (),
    )


def _rehearse(
    project: Project, members: tuple[Member, ...], examples: tuple[Example, ...], timeout_seconds: float
) -> Rehearsal:
    with tempfile.TemporaryDirectory(prefix="modelway-check-") as name:
        stage = Path(name)
        stage_members(stage, members, _unseen)
        return rehearse(project.handler, stage / "code", stage / "files", examples, timeout_seconds)


def _unseen(done: int, total: int) -> None:
    """Progress of copying, which is quick or, by links, nothing."""


def _remarks(project: Project, members: tuple[Member, ...]) -> tuple[ModelwayError, ...]:
    lock = current_lock(project)
    found: list[ModelwayError] = []
    if lock is None:
        state = (
            "does not fit the dependencies any more" if (project.folder / LOCK_FILE).exists() else "is not there yet"
        )
        found.append(ModelwayError(f"{LOCK_FILE} {state}", hint="`modelway package` writes it; commit it."))
    declared = lock.versions if lock else {_name(requirement) for requirement in lock_inputs(project)}
    found += [
        ModelwayError(line, hint="add it to [project] dependencies in pyproject.toml.")
        for line in undeclared_imports(members, declared)
    ]
    return tuple(found)


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")
