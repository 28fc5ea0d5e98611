"""`modelway image bases`: which base images are defined, or the exact wheels of one."""

import argparse
import json
from typing import Any

from modelway.cli.command import EXIT_OK
from modelway.cli.showing.output import note, size_text
from modelway.cli.showing.table_text import table_lines
from modelway_platform.apps.images import image_parts
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.resolve import resolve
from modelway_platform.deploy.images.bases.wheel_lock import WheelLock


def run(arguments: argparse.Namespace) -> int:
    """Prints a row per definition, or per wheel of the one that is named."""
    found = image_parts.catalogue(arguments)
    if arguments.name:
        definition = found.find(arguments.name)
        lock = definition.lock or resolve(definition, machine_architecture(), image_parts.uv_command())
        print_wheels(definition, lock, as_json=arguments.output == "json")
    elif arguments.output == "json":
        print(json.dumps([_values(each) for each in found.definitions], indent=2))  # noqa: T201 - a verb prints
    else:
        rows = [_row(each) for each in found.definitions]
        print("\n".join(table_lines(("name", "device", "python", "wheels", "size", "made of"), rows)))  # noqa: T201 - a verb prints
    return EXIT_OK


def print_wheels(definition: BaseDefinition, lock: WheelLock, *, as_json: bool = False) -> None:
    """The wheels of a base as a table, or all that is known of it as JSON."""
    if as_json:
        wheels = [
            {"name": x.name, "version": x.version, "file": x.file, "size": x.size, "sha256": x.sha256}
            for x in lock.wheels
        ]
        print(json.dumps({**_values(definition), "wheels": wheels}, indent=2))  # noqa: T201 - a verb prints
        return
    rows = [(x.name, x.version, size_text(x.size) if x.size else "?", x.file) for x in lock.wheels]
    if rows:
        print("\n".join(table_lines(("name", "version", "size", "wheel"), rows)))  # noqa: T201 - a verb prints
    for name, value in definition.variables.items():
        note(f"sets {name}={value}")
    note(f"{definition.name}: {len(lock.wheels)} wheels, {size_text(lock.size)} to download")


def _row(each: BaseDefinition) -> tuple[str, ...]:
    wheels = str(len(each.lock.wheels)) if each.lock else "not locked"
    size = size_text(each.lock.size) if each.lock else "?"
    return each.name, each.device, each.python, wheels, size, ", ".join(each.requirements) or "Python alone"


def _values(each: BaseDefinition) -> dict[str, Any]:
    return {
        "name": each.name,
        "framework": each.framework,
        "device": each.device,
        "python": each.python,
        "carries": list(each.carries),
        "exact": list(each.exact),
        "requirements": list(each.requirements),
        "variables": dict(each.variables),
        "root": each.root,
        "locked": each.lock is not None,
        "download_bytes": each.lock.size if each.lock else None,
    }
