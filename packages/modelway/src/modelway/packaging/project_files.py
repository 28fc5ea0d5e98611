"""Which files of a project go into its package: code by globs, model files by globs, never tools' leavings."""

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import InvalidPackageError
from modelway.packaging.entry_path import check_no_collisions, path_problem, shown
from modelway.packaging.ignore_file import Ignored, read_ignored
from modelway.packaging.manifest import FOLDER_BY_ROLE, Role
from modelway.packaging.project import Project

# Matched against each part of a path. Hidden files and folders (.git, .venv, .env, .ipynb_checkpoints …) are never taken.
EXCLUDED = (
    "__pycache__", "*.pyc", "*.pyo", "*.egg-info", "*.mwpkg", "*.partial",
    "venv", "env", "node_modules", "build", "dist", "site-packages",
    "tests", "test", "test_*.py", "*_test.py", "conftest.py",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file that goes in: where it is, where it goes, and why."""

    source: Path
    path: str
    role: Role


def project_files(project: Project) -> tuple[Member, ...]:
    """Code and model files of a project, sorted by their path in the package.

    Raises:
        InvalidPackageError: A glob finds nothing, the handler's module is not among the code, or a file cannot go in.
    """
    found = sorted(_walk(project, read_ignored(project.folder)))
    members = [
        *_matching(project, "code", (*project.include, *_dockerfile(project)), found),
        *_matching(project, "data", project.files, found, every_glob=True),
    ]
    members.sort(key=lambda member: member.path.encode())
    check_no_collisions(member.path for member in members)
    _check_handler_module(project, {member.path for member in members})
    return tuple(members)


def _dockerfile(project: Project) -> tuple[str, ...]:
    if project.dockerfile and not (project.folder / project.dockerfile).is_file():
        message = f"[tool.modelway] dockerfile: there is no file {project.dockerfile!r} in the project"
        raise InvalidPackageError(message, hint="correct the path; it is relative to the project folder.")
    return (project.dockerfile,) if project.dockerfile else ()


def ignored_by_file(project: Project) -> tuple[str, ...]:
    """What the project's `.modelwayignore` keeps out and nothing else would; a folder as a whole, with a slash at its end."""
    ignored = read_ignored(project.folder)
    found: list[str] = []
    for folder, folders, names in os.walk(project.folder):
        here = Path(folder).relative_to(project.folder).as_posix()
        prefix = "" if here == "." else f"{here}/"
        folders[:] = [name for name in folders if not _is_excluded(f"{prefix}{name}", name, project)]
        found += [f"{prefix}{name}/" for name in folders if ignored(f"{prefix}{name}/")]
        folders[:] = [name for name in folders if not ignored(f"{prefix}{name}/")]
        files = [name for name in names if not _is_excluded(f"{prefix}{name}", name, project)]
        found += [f"{prefix}{name}" for name in files if ignored(f"{prefix}{name}")]
    return tuple(sorted(found))


def _walk(project: Project, ignored: Ignored) -> Iterator[str]:
    for folder, folders, names in os.walk(project.folder):
        here = Path(folder).relative_to(project.folder).as_posix()
        prefix = "" if here == "." else f"{here}/"
        folders[:] = [
            name
            for name in folders
            if not ignored(f"{prefix}{name}/") and not _is_excluded(f"{prefix}{name}", name, project)
        ]
        for name in names:
            if not ignored(f"{prefix}{name}") and not _is_excluded(f"{prefix}{name}", name, project):
                yield f"{prefix}{name}"


def _is_excluded(path: str, name: str, project: Project) -> bool:
    if any(_matches(path, glob) for glob in project.exclude):
        return True
    if any(f"{glob}/".startswith(f"{path}/") for glob in project.files):
        return False  # named exactly, so meant
    return name.startswith(".") or any(fnmatch.fnmatchcase(name, glob) for glob in EXCLUDED)


def _matches(path: str, glob: str) -> bool:
    """`*` and `?` stay within one part of the path; `**` stands for any number of parts."""
    return _parts_match(path.split("/"), glob.removeprefix("./").rstrip("/").split("/"))


def _parts_match(parts: list[str], globs: list[str]) -> bool:
    if not globs:
        return not parts
    if globs[0] == "**":
        return any(_parts_match(parts[skip:], globs[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], globs[0]) and _parts_match(parts[1:], globs[1:])


def _matching(
    project: Project, role: Role, globs: tuple[str, ...], found: list[str], *, every_glob: bool = False
) -> Iterator[Member]:
    taken: set[str] = set()
    for glob in globs:
        hits = [path for path in found if _matches(path, glob) or _matches(path, f"{glob.rstrip('/')}/**")]
        if not hits and every_glob:
            message = f"[tool.modelway] files: {glob!r} matches no file below {project.folder}"
            raise InvalidPackageError(message, hint="train the model first, or correct the name in pyproject.toml.")
        taken.update(hits)
    for path in taken:
        member = Member(source=project.folder / path, path=FOLDER_BY_ROLE[role] + path, role=role)
        _check_member(project, member, path)
        yield member


def _check_member(project: Project, member: Member, path: str) -> None:
    problem = path_problem(member.path)
    if problem:
        raise InvalidPackageError(f"{shown(path)}: {problem}", hint="rename the file.")
    target = member.source.resolve()
    if not target.is_relative_to(project.folder.resolve()):
        message = f"{path}: is a link to something outside the project"
        raise InvalidPackageError(message, hint="copy the file into the project, or exclude it.")
    if not target.is_file():
        raise InvalidPackageError(f"{path}: not a regular file", hint="remove it, or exclude it in [tool.modelway].")
    if member.role == "code" and path.partition("/")[0].removesuffix(".py") == "modelway":
        raise InvalidPackageError(f"{path}: would hide the modelway package itself", hint="rename the file.")


def _check_handler_module(project: Project, paths: set[str]) -> None:
    module = project.handler.partition(":")[0].replace(".", "/")
    if not {f"code/{module}.py", f"code/{module}/__init__.py"} & paths:
        message = f"[tool.modelway] handler = {project.handler!r}: {module}.py is not among the project's code"
        raise InvalidPackageError(message, hint="correct the name, or [tool.modelway] include.")
