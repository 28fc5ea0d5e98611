"""Processes of its own that a model gets in each replica, and their devices, as a Deployment's `modelProcesses` and `devices` say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import ScalarNode

MAX_PROCESSES = 64
MAX_DEVICES = 64
# What `modelway serve --device` takes; GPUs by number, so that one that is not there can be refused.
_DEVICE = re.compile(r"cpu|mps|cuda(?::(?P<number>[0-9]{1,2}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProcesses:
    """`count` per worker, 0 is the worker's own thread; `devices` go to them (or to workers) in turn, none is the CPU."""

    count: int = 0
    devices: tuple[str, ...] = ()


IN_THE_WORKER = ModelProcesses()


def read_model_processes(spec: Fields, workers: int, resources: Resources) -> ModelProcesses:
    """`modelProcesses: 2` and `devices: [cuda:0, cuda:1]`; both may be left out.

    Args:
        spec: The Deployment's spec.
        workers: How many it declares.
        resources: Its limits: a GPU beyond them cannot be used.
    """
    found = ModelProcesses(
        count=spec.integer("modelProcesses", 0, 0, MAX_PROCESSES), devices=_read_devices(spec, resources)
    )
    places = workers * max(found.count, 1)
    if len(found.devices) > places:
        message = f"spec.devices: {len(found.devices)} devices for {places} {'copy' if places == 1 else 'copies'} of the model"
        spec.complain(spec.mark_of("devices"), message, "leave the others out, or raise modelProcesses or workers")
    return found


def model_processes_to_json(processes: ModelProcesses) -> dict[str, Any]:
    """Members of a spec; nothing where nothing is declared, so that older documents stay as they are."""
    count = {"modelProcesses": processes.count} if processes.count else {}
    return count | ({"devices": list(processes.devices)} if processes.devices else {})


def model_processes_from_json(spec: Mapping[str, Any]) -> ModelProcesses:
    """The reverse of `model_processes_to_json`."""
    return ModelProcesses(count=spec.get("modelProcesses", 0), devices=tuple(spec.get("devices", ())))


def _read_devices(spec: Fields, resources: Resources) -> tuple[str, ...]:
    found: list[str] = []
    nodes = spec.optional_items("devices")
    if len(nodes) > MAX_DEVICES:
        spec.complain(nodes[MAX_DEVICES].mark, f"spec.devices: more than {MAX_DEVICES}")
    for index, node in enumerate(nodes[:MAX_DEVICES]):
        path = f"spec.devices[{index}]"
        match = _DEVICE.fullmatch(node.text) if isinstance(node, ScalarNode) else None
        if match is None:
            spec.complain(node.mark, f"{path}: not a device", "cpu, cuda, cuda:1 or mps")
            continue
        if resources.gpus and match["number"] and int(match["number"]) >= resources.gpus:
            hint = "GPUs are numbered from 0 in each replica"
            spec.complain(node.mark, f"{path}: {match[0]}, but resources.gpus is {resources.gpus}", hint)
        found.append(match[0])
    return tuple(found)
