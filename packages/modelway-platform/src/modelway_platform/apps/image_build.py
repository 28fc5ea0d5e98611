"""`modelway image build`: a package becomes an image in an OCI layout."""

import argparse
import os
from pathlib import Path

import uv

from modelway.cli.command import EXIT_OK
from modelway.cli.output import Steps, note, paint, seconds_text, size_text
from modelway.errors import NotFoundError
from modelway.packaging import Progress
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand, uv_environment
from modelway_platform.deploy.images.base_image import (
    BaseImage,
    base_from_archive,
    base_from_layout,
    machine_architecture,
)
from modelway_platform.deploy.images.build_image import BuiltImage, ImageBuilder
from modelway_platform.deploy.images.cache import LayerCache
from modelway_platform.deploy.images.credentials import find_credentials
from modelway_platform.deploy.images.layout import ImageLayout
from modelway_platform.deploy.images.pull import base_from_registry
from modelway_platform.deploy.images.reference import is_layout, parse_layout, parse_registry
from modelway_platform.deploy.images.registry_http import RegistryHttp


def run(arguments: argparse.Namespace) -> int:
    """Builds the image and prints its layers."""
    output = parse_layout(arguments.output)
    if not arguments.package.is_file():
        raise NotFoundError(f"{arguments.package}: no such file", hint="make a package with `modelway package`.")
    home = Path(os.environ.get("MODELWAY_HOME") or "~/.modelway").expanduser()
    builder = ImageBuilder(
        cache=LayerCache((arguments.cache or home / "images").absolute()),
        uv=UvCommand(path=uv.find_uv_bin(), environment=uv_environment(os.environ)),
        sdk=SdkCopy.of_this_process(),
        architecture=machine_architecture(),
    )
    with Steps() as steps:
        base = _base(arguments.base, builder, steps, plain_http=arguments.plain_http)
        layout = ImageLayout(output.folder, make=True)
        built = builder.build(
            arguments.package, base, layout, output.tag, interpreter=arguments.interpreter, progress=steps
        )
    _print(built, str(output))
    return EXIT_OK


def _base(text: str, builder: ImageBuilder, progress: Progress, *, plain_http: bool) -> BaseImage:
    if is_layout(text):
        name = parse_layout(text)
        return base_from_layout(ImageLayout(name.folder), name.tag, builder.cache, builder.architecture, progress)
    if Path(text).is_file():
        return base_from_archive(Path(text), builder.cache, progress)
    if text.endswith(".tar"):
        raise NotFoundError(f"{text}: no such file", hint=f"make a base with `modelway image base -o {text}`.")
    registry = parse_registry(text)
    credentials = find_credentials(registry.host, os.environ, Path.home())
    http = RegistryHttp(host=registry.host, plain_http=plain_http, credentials=credentials)
    return base_from_registry(registry, http, builder.cache, builder.architecture, progress)


def _print(built: BuiltImage, name: str) -> None:
    lines = [f"{paint('image', 'bold')}    {name}"]
    lines += [f"{paint('digest', 'bold')}   {built.manifest.digest}", f"{paint('package', 'bold')}  {built.package}"]
    for each in built.layers:
        blob, state = each.layer.blob, "kept" if each.kept else "new"
        lines.append(f"  {each.role:<24} {size_text(blob.size):>9}  {state:<4}  {blob.digest}")
    print("\n".join(lines))  # noqa: T201 - a verb of the command line prints
    note(f"\nbuilt in {seconds_text(built.seconds)}; next: modelway image push {name} REGISTRY/NAME:TAG")
