"""Directories of machines that deployments may be given: none, unless a Cluster document's `directories` names them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from modelway_platform.domain.identity import is_name
from modelway_platform.domain.parsing.document_fields import Fields

MAX_DIRECTORIES = 64
MAX_PROJECTS = 64
PATH_RULE = "an absolute path without `.`, `..`, `//` or a slash at its end, of letters, digits and -._+@=,"
_PATH = re.compile(r"(?:/[A-Za-z0-9._+@=,-]{1,255}){1,32}")
# What whoever may write or read it has the machine with: the kernel's own views, its devices, sockets of daemons, accounts.
_NEVER = ("/proc", "/sys", "/dev", "/run", "/var/run", "/boot", "/etc", "/root", "/var/lib/docker", "/var/lib/kubelet")
# Fine to have something below them declared, but not as a whole.
_NOT_WHOLE = ("/", "/var", "/var/lib", "/usr", "/lib", "/bin", "/sbin", "/home", "/tmp")  # noqa: S108 - refused


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedDirectory:
    """A directory that deployments may be given, with all below it.

    Args:
        path: Where it is on the machines of the cluster.
        writable: Whether it may be given to be written.
        projects: Whose deployments; empty for everybody's.
    """

    path: str
    writable: bool = False
    projects: tuple[str, ...] = ()


def is_plain_path(text: str) -> bool:
    """Whether a path says where it leads: absolute, and nothing in it that leads elsewhere."""
    return len(text) <= 500 and _PATH.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


def is_within(path: str, folder: str) -> bool:
    """Whether a plain path is `folder` or below it."""
    return PurePosixPath(path).is_relative_to(folder)


def never_given(path: str) -> bool:
    """Whether a directory is of those that make whoever has them master of the machine."""
    return path in _NOT_WHOLE or any(is_within(path, each) for each in _NEVER)


def refusal_of(path: str, project: str, *, writing: bool, allowed: Sequence[AllowedDirectory]) -> str:
    """Why a project's deployment cannot be given a directory, half a sentence; empty if it can."""
    around = [each for each in allowed if is_within(path, each.path)]
    if not around:
        return "is not declared on it"
    mine = [each for each in around if not each.projects or project in each.projects]
    if not mine:
        return f"is declared on it, but not for project {project}"
    if writing and not any(each.writable for each in mine):
        return "is declared on it to be read, not to be written"
    return ""


def read_directories(spec: Fields) -> tuple[AllowedDirectory, ...]:
    """`directories: [{path: /srv/models}, {path: /srv/scratch, writable: true, projects: [vision]}]`; may be left out."""
    found: list[AllowedDirectory] = []
    nodes = spec.optional_items("directories")
    if len(nodes) > MAX_DIRECTORIES:
        spec.complain(nodes[MAX_DIRECTORIES].mark, f"spec.directories: more than {MAX_DIRECTORIES}")
    for index, node in enumerate(nodes[:MAX_DIRECTORIES]):
        fields = spec.inner(node, f"spec.directories[{index}]")
        each = AllowedDirectory(
            path=fields.string("path", check=is_plain_path, rule=PATH_RULE),
            writable=fields.boolean("writable", default=False),
            projects=_read_projects(fields, index),
        )
        fields.finish()
        if never_given(each.path):
            message = f"spec.directories[{index}].path: {each.path} would give the machine away"
            spec.complain(
                fields.mark_of("path"), message, "name a folder that holds what models need, and nothing else"
            )
        if each.path in [other.path for other in found]:
            spec.complain(node.mark, f"spec.directories[{index}]: {each.path} appears twice", "leave one of them out")
        found.append(each)
    return tuple(found)


def _read_projects(fields: Fields, index: int) -> tuple[str, ...]:
    found: list[str] = []
    for number, node in enumerate(fields.optional_items("projects")):
        path = f"spec.directories[{index}].projects[{number}]"
        name = fields.text_of(node, path) or ""
        if not is_name(name) or number >= MAX_PROJECTS:
            fields.complain(node.mark, f"{path}: not a project's name, or more than {MAX_PROJECTS}")
        found.append(name)
    return tuple(found)


def directories_to_json(directories: Sequence[AllowedDirectory]) -> dict[str, Any]:
    """The member `directories` of a spec; nothing where there are none, so that older documents stay as they are."""
    found = [
        {
            "path": each.path,
            **({"writable": True} if each.writable else {}),
            **({"projects": list(each.projects)} if each.projects else {}),
        }
        for each in directories
    ]
    return {"directories": found} if found else {}


def directories_from_json(spec: Mapping[str, Any]) -> tuple[AllowedDirectory, ...]:
    """The reverse of `directories_to_json`."""
    return tuple(
        AllowedDirectory(
            path=each["path"], writable=each.get("writable", False), projects=tuple(each.get("projects", ()))
        )
        for each in spec.get("directories", ())
    )
