"""What a base image of ours says it brings, in labels: read by whoever builds on it, wherever it came from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.wheel_lock import WheelLock
from modelway_platform.deploy.images.content.descriptor import ImageError, texts_at

_NAME, _DEVICE = "modelway.base", "modelway.base.device"
_FRAMEWORK, _PYTHON = "modelway.base.framework", "modelway.base.python"
_INTERPRETER, _WHEELS = "modelway.base.interpreter", "modelway.base.wheels"
_EXACT = "modelway.base.exact"
_PLACE = "modelway.base.place"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseContents:
    """A base of ours.

    Args:
        name: Of its definition.
        python: `3.11`.
        interpreter: Where that lies.
        place: Folder of its distributions, without a leading slash; empty where it brings none.
        exact: Distributions a package on it may not have in another version.
        wheels: Version and SHA-256 of each distribution, by name.
    """

    name: str
    python: str
    interpreter: str
    place: str
    exact: frozenset[str]
    wheels: Mapping[str, tuple[str, str]]


def contents_labels(definition: BaseDefinition, lock: WheelLock, interpreter: str, place: str) -> dict[str, str]:
    """The labels of a base image."""
    exact = [each.name for each in lock.wheels if definition.must_be_exact(each.name)]
    wheels = [[each.name, each.version, each.sha256] for each in lock.wheels]
    return {
        _NAME: definition.name,
        _DEVICE: definition.device,
        _FRAMEWORK: definition.framework,
        _PYTHON: definition.python,
        _INTERPRETER: interpreter,
        _PLACE: place if lock.wheels else "",
        _EXACT: " ".join(exact),
        _WHEELS: json.dumps(wheels, separators=(",", ":")),
    }


def read_contents(config: Mapping[str, Any]) -> BaseContents | None:
    """What the image with this `config` brings; None where it is not a base of ours.

    Raises:
        ImageError: It says it is one and is not understood.
    """
    labels = texts_at(config.get("Labels"), "configuration of the base: Labels")
    if _WHEELS not in labels:
        return None
    try:
        listed = json.loads(labels[_WHEELS])
        rows = [(str(name), str(version), str(digest)) for name, version, digest in listed]
        return BaseContents(
            name=labels[_NAME],
            python=labels[_PYTHON],
            interpreter=labels[_INTERPRETER],
            place=labels[_PLACE],
            exact=frozenset(labels[_EXACT].split()),
            wheels={name: (version, digest) for name, version, digest in rows},
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        hint = "make it anew with `modelway image base NAME`."
        raise ImageError(f"label {_WHEELS} of the base image is not understood", hint=hint) from error
