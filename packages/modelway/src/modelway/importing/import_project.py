"""From a source of some kind to a project in a folder."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.importing.mlflow_model import MLMODEL, plan_mlflow
from modelway.importing.mlserver_settings import MLServerNames, plan_mlserver
from modelway.importing.mlserver_source import SETTINGS
from modelway.importing.names import model_name
from modelway.importing.outcome import ImportReport
from modelway.importing.project_plan import ProjectPlan
from modelway.importing.source_files import MAX_TEXT_BYTES, FolderFiles, SourceFiles
from modelway.importing.structured_text import parse_json
from modelway.importing.torchserve_archive import MANIFEST, plan_torchserve
from modelway.importing.write_project import write_project
from modelway.importing.zip_files import ZipFiles
from modelway.packaging.limits import Limits

HINT = (
    "name a TorchServe archive (.mar), a folder with MLServer's model-settings.json, or an MLflow model directory "
    "(a folder with MLmodel)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importing:
    """What a person may say about an import.

    Args:
        name: The model's name; that of the source unless given.
        version: The version; that of the source unless given.
        example: A file with a request to the old server, for a golden example.
        limits: What a source may ask for.
    """

    name: str = ""
    version: str = ""
    example: Path | None = None
    limits: Limits | None = None


def import_project(
    source: Path, destination: Path | None = None, importing: Importing | None = None
) -> tuple[Path, ImportReport]:
    """Makes a project of a source; nothing of the source is run or unpickled.

    Args:
        source: An archive, a folder, or the file in it that says what it is.
        destination: The project's folder; one of the model's name in the current folder unless given.
        importing: Names, an example, limits.

    Returns:
        The project's folder, and what became of what.

    Raises:
        InvalidPackageError: The source is of no known kind, hostile or damaged; nothing is written.
        ConflictError: The project's folder is not empty.
        NotFoundError: There is no such source.
    """
    how = importing or Importing()
    example = _read_example(how.example)
    with _opened(source, how.limits or Limits()) as (files, origin):
        plan = _plan(files, origin, how, example)
        where = destination or Path.cwd() / plan.name
        return where, write_project(plan, files, where)


def _plan(files: SourceFiles, origin: str, how: Importing, example: Any) -> ProjectPlan:
    name = model_name(how.name) if how.name else ""
    if MLMODEL in files.sizes:
        return plan_mlflow(files, name or origin, how.version, example)
    if MANIFEST in files.sizes:
        return plan_torchserve(files, name, how.version, example)
    if SETTINGS in files.sizes:
        return plan_mlserver(files, origin, MLServerNames(name=name, version=how.version), example)
    raise InvalidPackageError(f"{origin}: not a kind of model that can be imported", hint=HINT)


@contextlib.contextmanager
def _opened(source: Path, limits: Limits) -> Generator[tuple[SourceFiles, str]]:
    if not source.exists():
        raise NotFoundError(f"{source}: there is no such file or folder", hint=HINT)
    if source.is_file() and source.name in {MLMODEL, SETTINGS}:
        source = source.absolute().parent
    if source.is_dir():
        yield FolderFiles(source, limits), source.resolve().name
        return
    files = ZipFiles(source, limits)
    try:
        yield files, source.stem
    finally:
        files.close()


def _read_example(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_TEXT_BYTES else None
        text = None if data is None else data.decode("utf-8-sig")
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}", hint="check the path and its permissions.") from error
    except UnicodeDecodeError as error:
        raise InvalidPackageError(f"{path}: not UTF-8 text", hint="give a request in JSON.") from error
    if text is None:
        message = f"{path}: larger than {MAX_TEXT_BYTES} bytes"
        raise InvalidPackageError(message, hint="give a small request as an example.")
    return parse_json(text, str(path))
