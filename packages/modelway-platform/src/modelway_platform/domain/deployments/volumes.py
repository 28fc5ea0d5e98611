"""What a replica finds beside its package: a Deployment's `volumes`, each from one kind of place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from modelway_platform.domain.deployments.host_directories import PATH_RULE, is_plain_path, is_within
from modelway_platform.domain.deployments.resources import is_memory, memory_octets, memory_text
from modelway_platform.domain.identity import is_name
from modelway_platform.domain.parsing.document_fields import Fields

VolumeKind = Literal["directory", "scratch", "volume", "claim", "configMap", "secret"]
KINDS: tuple[VolumeKind, ...] = ("directory", "scratch", "volume", "claim", "configMap", "secret")
MAX_VOLUMES = 32
VARIABLE_PREFIX = "VOLUME_"
USUAL_FOLDER = "/volumes"
_OBJECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_WRITABLE: frozenset[VolumeKind] = frozenset({"directory", "scratch", "volume", "claim"})
# What an image of ours has there, and what every container has of its kernel.
_TAKEN = (
    *("/proc", "/sys", "/dev", "/run", "/tmp", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64"),  # noqa: S108 - refused
    *("/opt/modelway", "/opt/modelway-base", "/var/log/modelway"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One of them.

    Args:
        name: Its own within the deployment; `VOLUME_NAME` tells the replica where it is.
        kind: From what kind of place it is.
        source: Which: the path of a directory, the name of an object of the cluster; empty for `scratch`.
        path: Where it is in the replica; empty for wherever it is usual there.
        read_only: Whether the replica may not write it.
        size: Of `scratch`, in octets.
    """

    name: str
    kind: VolumeKind
    source: str = ""
    path: str = ""
    read_only: bool = True
    size: int = 0

    @property
    def place(self) -> str:
        """Where it is in a container."""
        return self.path or f"{USUAL_FOLDER}/{self.name}"

    @property
    def variable(self) -> str:
        """The variable that says where it is."""
        return VARIABLE_PREFIX + self.name.upper().replace("-", "_")


def read_volumes(spec: Fields) -> tuple[Volume, ...]:
    """`volumes: [{name: weights, path: /weights, from: {directory: /srv/weights}, readOnly: true}]`; may be left out."""
    nodes = spec.optional_items("volumes")
    if len(nodes) > MAX_VOLUMES:
        spec.complain(nodes[MAX_VOLUMES].mark, f"spec.volumes: more than {MAX_VOLUMES}")
    found: list[Volume] = []
    for index, node in enumerate(nodes[:MAX_VOLUMES]):
        fields = spec.inner(node, f"spec.volumes[{index}]")
        each = _read_volume(fields, f"spec.volumes[{index}]")
        for other in found:
            if other.name == each.name:
                spec.complain(node.mark, f"spec.volumes[{index}]: {each.name} appears twice", "give it another name")
            elif is_within(other.place, each.place) or is_within(each.place, other.place):
                message = f"spec.volumes[{index}]: {each.place} and {other.place} of {other.name} lie within each other"
                spec.complain(fields.mark_of("path"), message, "give each a path of its own")
        found.append(each)
    variables = {each.variable for each in found}
    for entry in (*spec.entries("env"), *spec.entries("secrets")):
        if entry.name in variables:
            message = f"{spec.path_of('volumes')}: {entry.name} is the variable of a volume"
            spec.complain(entry.mark, message, "call the variable, or the volume, otherwise")
    return tuple(found)


def _read_volume(fields: Fields, path: str) -> Volume:
    name = fields.string("name", check=is_name, rule="lower-case letters, digits and dashes, at most 63")
    place = fields.string("path", "", check=is_plain_path, rule=PATH_RULE)
    kind, source, size = _read_source(fields, path)
    read_only = fields.boolean("readOnly", default=kind != "scratch")
    if place and (
        any(is_within(place, each) or is_within(each, place) for each in _TAKEN) or len(PurePosixPath(place).parts) < 2
    ):
        fields.complain(fields.mark_of("path"), f"{path}.path: {place} is the image's own", f"{USUAL_FOLDER}/{name}")
    if kind == "scratch" and read_only:
        message = f"{path}.readOnly: nobody but the replica could ever write it"
        fields.complain(fields.mark_of("readOnly"), message, "leave it out")
    elif not read_only and kind not in _WRITABLE:
        fields.complain(fields.mark_of("readOnly"), f"{path}.readOnly: a {kind} cannot be written", "leave it out")
    fields.finish()
    return Volume(name=name, kind=kind, source=source, path=place, read_only=read_only, size=size)


def _read_source(fields: Fields, path: str) -> tuple[VolumeKind, str, int]:
    """Kind, name and size of what it is from."""
    source = fields.mapping("from")
    if source is None:
        return "directory", "", 0
    names = frozenset(source.names())
    kinds: list[VolumeKind] = [each for each in KINDS if names >= {each}]
    if len(kinds) != 1:
        source.finish() if not kinds else source.drop(*source.names())
        source.complain(source.mark_of(""), f"{path}.from: one of {', '.join(KINDS)} has to be there, and only one")
        return "directory", "", 0
    kind: VolumeKind = kinds[0]
    text = source.string(kind, check=_CHECKS.get(kind, _is_object), rule=_RULES.get(kind, "the name of an object"))
    source.finish()
    if kind == "scratch":
        return kind, "", memory_octets(text)
    return kind, text, 0


def _is_object(text: str) -> bool:
    return _OBJECT_NAME.fullmatch(text) is not None


_CHECKS = {"directory": is_plain_path, "scratch": is_memory, "volume": is_name}
_RULES = {
    "directory": PATH_RULE,
    "scratch": "octets with a unit, at least 16Mi: 512Mi, 2Gi",
    "volume": "lower-case letters, digits and dashes, at most 63",
}


def volumes_to_json(volumes: Sequence[Volume]) -> dict[str, Any]:
    """The member `volumes` of a spec; nothing where there are none, so that older documents stay as they are."""
    found = [
        {
            "name": each.name,
            **({"path": each.path} if each.path else {}),
            "from": {each.kind: memory_text(each.size) if each.kind == "scratch" else each.source},
            "readOnly": each.read_only,
        }
        for each in volumes
    ]
    return {"volumes": found} if found else {}


def volumes_from_json(spec: Mapping[str, Any]) -> tuple[Volume, ...]:
    """The reverse of `volumes_to_json`."""
    return tuple(_from_json(each) for each in spec.get("volumes", ()))


def _from_json(value: Mapping[str, Any]) -> Volume:
    ((kind, text),) = value["from"].items()
    scratch = kind == "scratch"
    return Volume(
        name=value["name"],
        kind=kind,
        source="" if scratch else text,
        path=value.get("path", ""),
        read_only=value["readOnly"],
        size=memory_octets(text) if scratch else 0,
    )
