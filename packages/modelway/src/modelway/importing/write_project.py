"""Writes an imported project: whole in its place, or not at all."""

import fnmatch
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from modelway.errors import ConflictError, InvalidPackageError, ModelwayError
from modelway.importing.outcome import ImportReport
from modelway.importing.project_plan import MODEL_FOLDER, ProjectPlan
from modelway.importing.source_files import SourceFiles
from modelway.packaging.project_files import EXCLUDED

_SPARE_BYTES = 16 * 1024 * 1024


def write_project(plan: ProjectPlan, files: SourceFiles, destination: Path) -> ImportReport:
    """Writes the project to the new folder `destination`.

    Args:
        plan: What it holds.
        files: Where the source's files come from.
        destination: A folder that does not exist or is empty.

    Raises:
        ConflictError: It exists and is not empty.
        InvalidPackageError: The source cannot be read after all.
        ModelwayError: The disk is full or may not be written to.
    """
    if destination.is_symlink() or (destination.exists() and (not destination.is_dir() or any(destination.iterdir()))):
        raise ConflictError(f"{destination} exists and is not empty", hint="choose another with --output DIR.")
    report = ImportReport(kind=plan.kind, name=plan.name, version=plan.version, items=plan.items)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _check_space(destination.parent, sum(files.sizes[path] for path in plan.files))
        work = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".partial", dir=destination.parent))
        try:
            _write(plan, files, work, report)
            work.chmod(0o755)
            work.rename(destination)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        message = f"cannot write {destination}: {error.strerror or error}"
        raise ModelwayError(message, hint="check that the folder may be written to, and the space left.") from error
    return report


def _write(plan: ProjectPlan, files: SourceFiles, work: Path, report: ImportReport) -> None:
    for path in plan.files:
        target = work / MODEL_FOLDER / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as out:
            for data in files.chunks(path):
                out.write(data)
    texts = {
        "handler.py": plan.handler,
        "pyproject.toml": plan.pyproject(model_globs(plan.files)),
        "import-report.md": report.to_markdown(),
        "import-report.json": json.dumps(report.to_json(), ensure_ascii=False, indent=2) + "\n",
        ".gitignore": "__pycache__/\n.venv/\ndist/\n",
        **plan.texts,
    }
    if plan.examples:
        texts["examples.json"] = plan.examples_text()
    for path, text in texts.items():
        (work / path).write_text(text, encoding="utf-8")


def model_globs(files: Sequence[str]) -> tuple[str, ...]:
    """What names these files in `[tool.modelway] files`: the folder, and by name what a package would otherwise leave out.

    Raises:
        InvalidPackageError: A file's name cannot be said so.
    """
    if not files:
        return ()
    named = [f"{MODEL_FOLDER}/{path}" for path in files if any(_left_out(part) for part in path.split("/"))]
    for path in named:
        if any(character in path for character in "*?["):
            message = f"{path!r}: a package leaves out files of this name, and it cannot be named in pyproject.toml"
            raise InvalidPackageError(message, hint="rename it in the source.")
    return (f"{MODEL_FOLDER}/**", *named)


def _left_out(part: str) -> bool:
    return any(fnmatch.fnmatchcase(part, glob) for glob in EXCLUDED)


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(os.fspath(folder)).free
    if needed + _SPARE_BYTES > free:
        message = f"the project needs {needed} bytes, the disk has {free} free"
        raise ModelwayError(message, hint="free some space, or choose another disk with --output.", code="storage_full")
