"""Requirements as other tools write them, as dependencies of a project."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from modelway.importing.outcome import Item, changed, left

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[A-Za-z0-9._,\s-]*\])?\s*"
    r"(?P<versions>\(?(?:(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)*\)?)\s*(?P<marker>;[ -~]+)?"
)
_CONDA = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:={1,2}(?P<version>[0-9][A-Za-z0-9.+!*]*)(?:=[A-Za-z0-9_]+)?)?"
)
_CONDA_ONLY = frozenset({"python", "pip", "setuptools", "wheel"})
# Where the distribution is called otherwise than the module.
_DISTRIBUTIONS = {
    "PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn", "yaml": "pyyaml", "skimage": "scikit-image",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Dependencies, and what is to be said about lines that are none."""

    dependencies: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()

    def names(self) -> frozenset[str]:
        """The distributions, normalised (PEP 503)."""
        return frozenset(distribution(each) for each in self.dependencies)


def distribution(requirement: str) -> str:
    """The normalised name (PEP 503) of the distribution a requirement is about."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]).lower()


def distribution_of_module(module: str) -> str:
    """The distribution that usually brings a module; a guess a person may correct."""
    return _DISTRIBUTIONS.get(module, module.replace("_", "-").lower())


def from_lines(text: str, file: str) -> Requirements:
    """What a requirements.txt asks for (pip's requirements file format); options and paths are reported, not taken."""
    dependencies: list[str] = []
    items: list[Item] = []
    for line in _logical_lines(text):
        plain = re.sub(r"\s+--hash[= ]\S+", "", line).strip()
        found = _REQUIREMENT.fullmatch(plain)
        if found and plain.isascii():
            dependencies.append(plain)
        else:
            items.append(
                left(
                    f"{file}: {plain[:100]}",
                    "only names with versions (PEP 508) go into a package's lock",
                    "publish it to an index (UV_INDEX_URL says which), then add it to dependencies in pyproject.toml",
                )
            )
    return Requirements(dependencies=tuple(dict.fromkeys(dependencies)), items=tuple(items))


def _logical_lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        plain = re.sub(r"(^|\s)#.*$", "", line).strip()
        if plain:
            yield plain


def from_conda(entries: Iterable[Any], file: str) -> Requirements:
    """What the `dependencies` of a conda environment ask for; conda's own packages by the same name and version."""
    found = Requirements()
    items: list[Item] = []
    own: list[str] = []
    for entry in entries:
        if isinstance(entry, dict):
            lines: Any = cast("dict[Any, Any]", entry).get("pip")
            texts = (
                [each for each in cast("list[Any]", lines) if isinstance(each, str)] if isinstance(lines, list) else []
            )
            found = from_lines("\n".join(texts), file)
            continue
        match = _CONDA.fullmatch(entry.rpartition("::")[2].strip()) if isinstance(entry, str) else None
        if match and distribution(match["name"]) in _CONDA_ONLY:
            continue
        if match:
            version = match["version"]
            own.append(match["name"] + (f"=={version}" if version else ""))
            items.append(
                changed(f"{file}: {entry}", f"dependency {own[-1]}, from PyPI", "check that it is the same there")
            )
        else:
            items.append(
                left(f"{file}: {str(entry)[:100]}", "not a name and a version", "add it to dependencies by hand")
            )
    return Requirements(dependencies=tuple(dict.fromkeys((*found.dependencies, *own))), items=(*found.items, *items))
