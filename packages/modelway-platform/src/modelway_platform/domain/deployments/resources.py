"""How much of a machine one replica may use, as a Deployment's `resources` says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.parsing.document_fields import Fields

MAX_CPUS = 1024.0
MAX_GPUS = 64
_BINARY = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}
_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4, **_BINARY}
_MEMORY = re.compile(r"([0-9]{1,15})(Ki|Mi|Gi|Ti|k|M|G|T)?")
_LEAST_MEMORY = 16 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Limits of one replica; 0 is no limit. `memory` is in octets, `gpus` are whole devices."""

    cpus: float = 0.0
    memory: int = 0
    gpus: int = 0


NO_LIMITS = Resources()


def read_resources(spec: Fields) -> Resources:
    """`resources: {cpus: 0.5, memory: 512Mi, gpus: 1}`; all of it may be left out."""
    fields = spec.optional_mapping("resources")
    if fields is None:
        return NO_LIMITS
    memory = fields.string("memory", "", check=is_memory, rule="octets with a unit, at least 16Mi: 512Mi, 2Gi")
    found = Resources(
        cpus=fields.number("cpus", 0.0, 0.01, MAX_CPUS),
        memory=memory_octets(memory),
        gpus=fields.integer("gpus", 0, 0, MAX_GPUS),
    )
    fields.finish()
    return found


def resources_to_json(resources: Resources) -> dict[str, Any]:
    """The member `resources` of a spec; nothing where nothing is limited, so that older documents stay as they are."""
    value: dict[str, Any] = {}
    if resources.cpus:
        value["cpus"] = int(resources.cpus) if resources.cpus == int(resources.cpus) else resources.cpus
    if resources.memory:
        value["memory"] = memory_text(resources.memory)
    if resources.gpus:
        value["gpus"] = resources.gpus
    return {"resources": value} if value else {}


def resources_from_json(spec: Mapping[str, Any]) -> Resources:
    """The reverse of `resources_to_json`."""
    value: Mapping[str, Any] = spec.get("resources", {})
    return Resources(
        cpus=float(value.get("cpus", 0)), memory=memory_octets(value.get("memory", "")), gpus=value.get("gpus", 0)
    )


def memory_text(octets: int) -> str:
    """The shortest exact spelling: `512Mi`."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if octets % _BINARY[unit] == 0:
            return f"{octets // _BINARY[unit]}{unit}"
    return str(octets)


def is_memory(text: str) -> bool:
    """Whether a text is an amount of memory that something can be run in."""
    return _MEMORY.fullmatch(text) is not None and memory_octets(text) >= _LEAST_MEMORY


def memory_octets(text: str) -> int:
    """`512Mi` in octets; 0 for what is none."""
    match = _MEMORY.fullmatch(text)
    return int(match[1]) * _UNITS[match[2] or ""] if match else 0
