"""`modelway image base`: a base image with a framework in it, or the root file system below all of them."""

import argparse
import os
from pathlib import Path

from modelway.cli.command import EXIT_OK
from modelway.cli.showing.output import Steps, note, paint, seconds_text, size_text
from modelway.errors import InvalidRequestError
from modelway_platform.apps.images import image_parts, image_push
from modelway_platform.apps.images.image_bases import print_wheels
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.bases.build_base import BaseBuilder, BuiltBase
from modelway_platform.deploy.images.bases.debian import PYTHON, SUITE, make_base
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.resolve import resolve
from modelway_platform.deploy.images.bases.wheel_lock import WheelLock, read_lock
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.registries.reference import LayoutName, is_layout, parse_layout, parse_registry

_ROOT = f"debian-{SUITE}-python-{PYTHON}.tar"


def run(arguments: argparse.Namespace) -> int:
    """Makes what is asked for and says what it is."""
    if arguments.name:
        return _framework(arguments)
    if not arguments.output or is_layout(arguments.output):
        raise InvalidRequestError(
            "which base? name one, or say with -o ROOTFS.tar where a root file system goes",
            hint="`modelway image bases` lists all of them.",
        )
    target = Path(arguments.output)
    with Steps() as steps:
        make_base(target, mirror=arguments.mirror, variables=os.environ, progress=steps)
    print(target)  # noqa: T201 - a verb of the command line prints
    note(f"Debian {SUITE} with Python {PYTHON}, {size_text(target.stat().st_size)}")
    return EXIT_OK


def _framework(arguments: argparse.Namespace) -> int:
    definition = image_parts.catalogue(arguments).find(arguments.name)
    output = _output(arguments.output, definition.name)
    target = _target(arguments.push, definition.name) if arguments.push else ""
    lock = _lock(arguments.lock, definition)
    if arguments.dry_run:
        print_wheels(definition, lock)
        return EXIT_OK
    cache = image_parts.layer_cache(arguments)
    builder = BaseBuilder(cache=cache, uv=image_parts.uv_command(), architecture=machine_architecture())
    with Steps() as steps:
        opener = image_parts.base_opener(cache, steps, plain_http=arguments.plain_http)
        root = opener.open(arguments.root or definition.root or str(_root(definition, arguments.mirror, steps)))
        built = builder.build(definition, lock, root, ImageLayout(output.folder, make=True), output.tag, progress=steps)
    _print(built, output, definition)
    if target:
        return image_push.push_image(output, target, plain_http=arguments.plain_http)
    note("\nnext: modelway image build PACKAGE -o oci:DIR:TAG, or --push REGISTRY/NAME for others to build on it")
    return EXIT_OK


def _output(text: str, name: str) -> LayoutName:
    """Where the base goes: with its own name as its tag, unless another is given."""
    if not text:
        text = image_parts.shelf(f"oci:{image_parts.home().absolute() / 'images' / 'bases'}").address
    tagged = ":" in text.removeprefix("oci:").rpartition("/")[2]
    return parse_layout(text if tagged else f"{text}:{name}")


def _target(text: str, name: str) -> str:
    tagged = ":" in text.rpartition("/")[2]
    return str(parse_registry(text if tagged else f"{text}:{name}"))


def _lock(file: Path | None, definition: BaseDefinition) -> WheelLock:
    architecture = machine_architecture()
    if file is not None and file.is_file():
        found = read_lock(file)
        expected = (definition.python, architecture, definition.requirements)
        if (found.python, found.architecture, found.requirements) != expected:
            raise InvalidRequestError(
                f"{file} was made for other requirements, another Python or another architecture",
                hint="remove it, and it is written anew.",
            )
        return found
    if file is None and definition.lock is not None:
        return definition.lock
    lock = resolve(definition, architecture, image_parts.uv_command())
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lock.to_text(), encoding="utf-8")
        note(f"wrote {file}: {len(lock.wheels)} wheels")
    else:
        note(f"{definition.name} has no lock: another day it may hold other wheels (keep them with --lock FILE)")
    return lock


def _root(definition: BaseDefinition, mirror: str, steps: Steps) -> Path:
    if definition.python != PYTHON:
        raise InvalidRequestError(
            f"base {definition.name} wants Python {definition.python}; Debian {SUITE} has {PYTHON}",
            hint="name an image that has it: --root REGISTRY/NAME:TAG, or `root` in its definition.",
        )
    path = image_parts.home() / "images" / _ROOT
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        make_base(path, mirror=mirror, variables=os.environ, progress=steps)
    return path


def _print(built: BuiltBase, output: LayoutName, definition: BaseDefinition) -> None:
    lines = [f"{paint('base', 'bold')}    {definition.name}, for {definition.device}"]
    lines += [f"{paint('image', 'bold')}   {output}", f"{paint('digest', 'bold')}  {built.manifest.digest}"]
    for each in built.layers:
        blob, state = each.layer.blob, "kept" if each.kept else "new"
        lines.append(f"  {each.role:<24} {size_text(blob.size):>9}  {state:<4}  {blob.digest}")
    print("\n".join(lines))  # noqa: T201 - a verb of the command line prints
    note(f"\nbuilt in {seconds_text(built.seconds)}")
