"""A modeller's project folder as its `pyproject.toml` declares it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.packaging.manifest import BASE, HANDLER, NAME, SYSTEM_PACKAGE, VERSION
from modelway.packaging.requirements_file import read_requirements

PROJECT_FILE = "pyproject.toml"
_SETTINGS = (
    "handler",
    "files",
    "include",
    "exclude",
    "examples",
    "framework",
    "base",
    "requirements",
    "dockerfile",
    "system_packages",
)
_EXAMPLE = """add this to it:
  [tool.modelway]
  handler = "handler:MyHandler"
  files = ["model.joblib"]
  examples = "examples.json\""""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What `[project]` and `[tool.modelway]` say.

    Args:
        folder: The project folder; during development it is also what a handler sees as `self.files`.
        name: The model's name.
        version: The version.
        handler: `module:Class`.
        dependencies: Requirements of the handler, PEP 508: `[project] dependencies` and those of the file `requirements` names.
        files: Globs of model files.
        include: Globs of code.
        exclude: Globs of what neither takes.
        examples: The file of golden examples.
        framework: The library the model runs on; empty means found from the dependencies.
        base: Definition of the base image wanted, such as `pytorch-gpu`; empty means the choice of whoever builds.
        dockerfile: A file that says what has to be below the package in an image; empty means nothing.
        system_packages: Debian packages that have to be below it.
    """

    folder: Path
    name: str
    version: str
    handler: str
    dependencies: tuple[str, ...]
    files: tuple[str, ...] = ()
    include: tuple[str, ...] = ("**/*.py",)
    exclude: tuple[str, ...] = ()
    examples: str = "examples.json"
    framework: str = ""
    base: str = ""
    dockerfile: str = ""
    system_packages: tuple[str, ...] = ()


def read_project(folder: Path) -> Project:
    """Reads `folder/pyproject.toml`, strictly.

    Raises:
        NotFoundError: No such file.
        InvalidPackageError: It is not what a package can be made from; the message names the key.
    """
    file = folder / PROJECT_FILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"{folder}: no {PROJECT_FILE} here"
        raise InvalidPackageError(message, hint="run it in a project folder; `modelway new NAME` makes one.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidPackageError(f"{file}: {error}", hint="correct the TOML at that place.") from error
    except OSError as error:
        raise NotFoundError(f"{file}: {error.strerror}", hint="check the path and its permissions.") from error
    table = _Table(file, document)
    project, settings = table.sub("project"), table.sub("tool").sub("modelway")
    settings.refuse_unknown(_SETTINGS)
    return Project(
        folder=folder,
        name=_model_name(project),
        version=_matching(project, "version", VERSION, "letters, digits, '.', '-', '_', at most 63"),
        handler=_matching(settings, "handler", HANDLER, 'as in "module:Class"'),
        dependencies=_dependencies(folder, project, settings),
        files=settings.texts("files"),
        include=settings.texts("include", ("**/*.py",)),
        exclude=settings.texts("exclude"),
        examples=settings.text("examples", "examples.json"),
        framework=settings.text("framework", ""),
        base=_base_name(settings),
        dockerfile=settings.text("dockerfile", ""),
        system_packages=_system_packages(settings),
    )


def _model_name(project: "_Table") -> str:
    name = re.sub(r"[-_.]+", "-", project.text("name")).lower()
    if not NAME.fullmatch(name):
        raise project.problem("name", f"{name!r} is not a model's name", "use a-z, 0-9 and '-', at most 63 characters.")
    return name


def _dependencies(folder: Path, project: "_Table", settings: "_Table") -> tuple[str, ...]:
    name = settings.text("requirements", "")
    return (*project.texts("dependencies"), *(read_requirements(folder, name) if name else ()))


def _base_name(settings: "_Table") -> str:
    name = settings.text("base", "")
    if name and not BASE.fullmatch(name):
        hint = "name a definition (`modelway image bases` lists them); images are named with `modelway image build --base`."
        raise settings.problem("base", f"{name!r} is not the name of a base", hint)
    return name


def _system_packages(settings: "_Table") -> tuple[str, ...]:
    names = settings.texts("system_packages")
    for name in names:
        if not SYSTEM_PACKAGE.fullmatch(name):
            raise settings.problem(
                "system_packages", f"{name!r} is not the name of a Debian package", "such as libgomp1."
            )
    return tuple(sorted(set(names)))


def _matching(table: "_Table", key: str, pattern: re.Pattern[str], form: str) -> str:
    text = table.text(key)
    if not pattern.fullmatch(text):
        raise table.problem(key, f"{text!r} is not valid", f"write it {form}.")
    return text


class _Table:
    """A TOML table that can say where it is."""

    def __init__(self, file: Path, values: Mapping[str, Any], path: str = "") -> None:
        self.file = file
        self.values = values
        self.path = path

    def problem(self, key: str, message: str, hint: str) -> InvalidPackageError:
        where = f"[{self.path}] {key}".rstrip()
        return InvalidPackageError(f"{self.file}: {where}: {message}", hint=hint)

    def sub(self, key: str) -> "_Table":
        path = f"{self.path}.{key}" if self.path else key
        found = self.values.get(key, {})
        if not isinstance(found, Mapping):
            raise self.problem(key, "must be a table", f"write it as [{path}].")
        table = _Table(self.file, found, path)  # pyright: ignore[reportUnknownArgumentType] - checked where used
        if path in {"project", "tool.modelway"} and not found:
            raise InvalidPackageError(f"{self.file}: no [{path}] table", hint=_EXAMPLE)
        return table

    def text(self, key: str, default: str | None = None) -> str:
        found = self.values.get(key, default)
        if found is None:
            raise self.problem(key, "is missing", _hint_for(key))
        if not isinstance(found, str) or (not found and default is None):
            raise self.problem(key, "must be a text", f'write it as {key} = "...".')
        return found

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        found: Any = self.values.get(key, default)
        if not isinstance(found, list | tuple) or not all(isinstance(each, str) and each for each in found):  # pyright: ignore[reportUnknownVariableType]
            raise self.problem(key, "must be a list of texts", f'write it as {key} = ["...", "..."].')
        return tuple(found)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - just checked

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        for key in self.values:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}."
                raise self.problem(key, "is not a setting", hint)


def _hint_for(key: str) -> str:
    examples = {"name": 'name = "digits"', "version": 'version = "1.0.0"', "handler": 'handler = "handler:Digits"'}
    return f"add {examples[key]}" if key in examples else "add it."
