"""Reads definitions of base images from TOML, strictly: what is wrong is named with file and key."""

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.images.bases.definition import BaseDefinition, Device
from modelway_platform.deploy.images.bases.wheel_lock import WheelLock, read_lock

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
_PYTHON = re.compile(r"3\.[0-9]{1,2}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOP = ("python", "variables", "base")
_KEYS = (
    *("name", "framework", "device", "python", "carries", "exact", "requirements"),
    *("variables", "settings", "lock", "root"),
)


def read_definitions(file: Path, architecture: str) -> tuple[BaseDefinition, ...]:
    """The definitions in `file`, in its order.

    Args:
        file: TOML; see `definitions.toml` beside this module.
        architecture: Whose locks are read: `locks/NAME.ARCHITECTURE.toml` beside the file, or what `lock` names.

    Raises:
        NotFoundError: No such file.
        InvalidRequestError: It is not what definitions look like.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(f"{file}: no such file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file}: {error}", hint="correct the TOML at that place.") from error
    top = _Table(file, "", document)
    top.refuse_unknown(_TOP)
    by_device = top.table("variables")
    by_device.refuse_unknown(("cpu", "gpu"))
    shared = {device: by_device.variables(device) for device in ("cpu", "gpu")}
    found: dict[str, BaseDefinition] = {}
    for number, values in enumerate(top.tables("base"), start=1):
        table = _Table(file, f"base {number}", values)
        definition = _definition(table, top.text("python", "3.11"), shared, architecture)
        if definition.name in found:
            raise table.problem("name", f"'{definition.name}' is there twice")
        found[definition.name] = definition
    return tuple(found.values())


def _definition(
    table: "_Table", python: str, shared: Mapping[str, Mapping[str, str]], architecture: str
) -> BaseDefinition:
    table.refuse_unknown(_KEYS)
    name, device = table.text("name"), table.text("device")
    if not NAME.fullmatch(name):
        raise table.problem("name", f"'{name[:80]}': use a-z, 0-9, '-' and '.', at most 63 characters")
    if device not in {"cpu", "gpu"}:
        raise table.problem("device", f"'{device[:80]}' is neither cpu nor gpu")
    python = table.text("python", python)
    if not _PYTHON.fullmatch(python):
        raise table.problem("python", f"'{python[:80]}' is not as 3.11")
    requirements = tuple(_requirement(table, each) for each in table.texts("requirements"))
    carries = tuple(canonicalize_name(each) for each in table.texts("carries"))
    brought = {canonicalize_name(Requirement(each).name) for each in requirements}
    if missing := [each for each in carries if each not in brought]:
        raise table.problem("carries", f"'{missing[0]}' is not among the requirements")
    return BaseDefinition(
        name=name,
        framework=table.text("framework"),
        device=cast("Device", device),
        python=python,
        source=table.file,
        carries=carries,
        exact=table.texts("exact"),
        requirements=requirements,
        variables={**shared[device], **table.variables("variables")},
        settings=table.variables("settings"),
        lock=_lock(table, name, python, requirements, architecture),
        root=table.text("root", ""),
    )


def _requirement(table: "_Table", text: str) -> str:
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        raise table.problem("requirements", f"'{text[:100]}': {error}") from error
    if parsed.url:
        raise table.problem("requirements", f"'{text[:100]}': an address; name a version, and its index to uv")
    return text


def _lock(
    table: "_Table", name: str, python: str, requirements: tuple[str, ...], architecture: str
) -> WheelLock | None:
    if not requirements:
        return WheelLock(python=python, architecture=architecture, requirements=(), wheels=())
    named = table.text("lock", "")
    path = table.file.parent / (named or f"locks/{name}.{architecture}.toml")
    if not named and not path.is_file():
        return None
    lock = read_lock(path)
    if (lock.python, lock.architecture, lock.requirements) != (python, architecture, requirements):
        message = f"{path} was made for other requirements, another Python or another architecture"
        hint = f"delete it and write it anew: modelway image base {name} --dry-run --lock {path}"
        raise InvalidRequestError(f"{table.where('lock')}: {message}", hint=hint)
    return lock


class _Table:
    """A TOML table that can say where it is."""

    def __init__(self, file: Path, place: str, values: Mapping[str, Any]) -> None:
        self.file = file
        self._place = str(values.get("name") or place)
        self._values = values

    def where(self, key: str) -> str:
        return f"{self.file}: {self._place}{': ' if self._place else ''}{key}"

    def problem(self, key: str, message: str, hint: str = "") -> InvalidRequestError:
        return InvalidRequestError(f"{self.where(key)}: {message}", hint=hint)

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        for key in self._values:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}."
                raise self.problem(key, "is not known", hint)

    def text(self, key: str, default: str | None = None) -> str:
        found = self._values.get(key, default)
        if not isinstance(found, str) or (not found and default is None):
            raise self.problem(key, "is missing" if found is None else "must be a text")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._values.get(key, [])
        if not isinstance(found, list) or not all(
            isinstance(each, str) and each
            for each in found  # pyright: ignore[reportUnknownVariableType]
        ):
            raise self.problem(key, "must be a list of texts")
        return tuple(cast("list[str]", found))

    def table(self, key: str) -> "_Table":
        found = self._values.get(key, {})
        if not isinstance(found, Mapping):
            raise self.problem(key, "must be a table")
        return _Table(self.file, key, cast("Mapping[str, Any]", found))

    def tables(self, key: str) -> tuple[Mapping[str, Any], ...]:
        found = self._values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):  # pyright: ignore[reportUnknownVariableType]
            raise self.problem(key, f"must be tables, [[{key}]]")
        return tuple(cast("list[Mapping[str, Any]]", found))

    def variables(self, key: str) -> dict[str, str]:
        found = self.table(key)._values  # noqa: SLF001 - another of this class
        for name, value in found.items():
            if not _VARIABLE.fullmatch(name) or not isinstance(value, str) or "\0" in value or "\n" in value:
                raise self.problem(key, f"'{name[:80]}' is not a variable with a text of one line")
        return dict(cast("Mapping[str, str]", found))
