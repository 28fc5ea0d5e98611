"""`modelway image build`: a package becomes an image in an OCI layout."""

import argparse
from collections.abc import Callable
from pathlib import Path

from modelway.cli.command import EXIT_OK
from modelway.cli.showing.output import Steps, note, paint, seconds_text, size_text
from modelway.errors import InvalidRequestError, NotFoundError
from modelway.packaging import LoadedPackage
from modelway_platform.apps.images import image_parts
from modelway_platform.apps.images.image_builders import builder_settings, grounds_of
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.images.bases.base_image import BaseImage, machine_architecture
from modelway_platform.deploy.images.bases.choose import BaseChoice
from modelway_platform.deploy.images.bases.find_base import BaseFinder
from modelway_platform.deploy.images.bases.read_definitions import NAME
from modelway_platform.deploy.images.build_image import BuiltImage, ImageBuilder
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.registries.reference import parse_layout


def run(arguments: argparse.Namespace) -> int:
    """Builds the image and prints its layers."""
    output = parse_layout(arguments.output)
    if not arguments.package.is_file():
        raise NotFoundError(f"{arguments.package}: no such file", hint="make a package with `modelway package`.")
    cache = image_parts.layer_cache(arguments)
    builder = ImageBuilder(
        cache=cache,
        uv=image_parts.uv_command(),
        sdk=SdkCopy.of_this_process(),
        architecture=machine_architecture(),
        grounds=grounds_of(builder_settings(arguments), cache),
    )
    choices: list[BaseChoice] = []
    with Steps() as steps:
        base = _base(arguments, builder, steps, choices)
        layout = ImageLayout(output.folder, make=True)
        built = builder.build(
            arguments.package, base, layout, output.tag, interpreter=arguments.interpreter, progress=steps
        )
    _print(built, str(output), choices)
    return EXIT_OK


def _base(
    arguments: argparse.Namespace, builder: ImageBuilder, steps: Steps, choices: list[BaseChoice]
) -> BaseImage | Callable[[LoadedPackage], BaseImage]:
    opener = image_parts.base_opener(builder.cache, steps, plain_http=arguments.plain_http)
    text: str = arguments.base
    named = bool(NAME.fullmatch(text)) and not text.endswith(".tar") and not Path(text).is_file()
    if text and arguments.device:
        raise InvalidRequestError("--base says what is below: --device has no meaning beside it", hint="leave one away")
    if text and not named:
        return opener.open(text)
    finder = BaseFinder(
        catalogue=image_parts.catalogue(arguments), shelf=image_parts.shelf(arguments.bases), opener=opener
    )
    if text:
        finder.catalogue.find(text)

    def chosen(package: LoadedPackage) -> BaseImage:
        steps("choosing the base image")
        choice = finder.choose(package, name=text, device=arguments.device)
        choices.append(choice)
        return finder.fetch(choice)

    return chosen


def _print(built: BuiltImage, name: str, choices: list[BaseChoice]) -> None:
    lines = [f"{paint('image', 'bold')}    {name}"]
    lines += [f"{paint('digest', 'bold')}   {built.manifest.digest}", f"{paint('package', 'bold')}  {built.package}"]
    for choice in choices:
        lines.append(f"{paint('base', 'bold')}     {choice.definition.name}: {choice.why}")
        lines += [f"         not {other}: {reason}" for other, reason in choice.passed_over]
    for each in built.layers:
        blob, state = each.layer.blob, "kept" if each.kept else "new"
        lines.append(f"  {each.role:<24} {size_text(blob.size):>9}  {state:<4}  {blob.digest}")
    print("\n".join(lines))  # noqa: T201 - a verb of the command line prints
    if built.from_base:
        note(f"\n{built.from_base} of {built.pins} locked distributions come with the base")
    note(f"\nbuilt in {seconds_text(built.seconds)}; next: modelway image push {name} REGISTRY/NAME:TAG")
