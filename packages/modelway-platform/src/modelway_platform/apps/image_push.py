"""`modelway image push`: an image goes from an OCI layout to a registry."""

import argparse
import os
from pathlib import Path

from modelway.cli.command import EXIT_OK
from modelway.cli.output import Steps, note, paint, seconds_text, size_text
from modelway_platform.deploy.images.base_image import machine_architecture
from modelway_platform.deploy.images.credentials import find_credentials
from modelway_platform.deploy.images.layout import ImageLayout
from modelway_platform.deploy.images.push import PushedImage, push
from modelway_platform.deploy.images.reference import parse_layout, parse_registry
from modelway_platform.deploy.images.registry_http import RegistryHttp


def run(arguments: argparse.Namespace) -> int:
    """Pushes the image and prints what became of each blob."""
    source, name = parse_layout(arguments.image), parse_registry(arguments.name)
    layout = ImageLayout(source.folder)
    image = layout.find(source.tag, machine_architecture())
    credentials = find_credentials(name.host, os.environ, Path.home())
    http = RegistryHttp(host=name.host, plain_http=arguments.plain_http, credentials=credentials)
    with Steps() as steps:
        pushed = push(layout, image, name, http, steps, mount_from=arguments.mount_from)
    _print(pushed)
    return EXIT_OK


def _print(pushed: PushedImage) -> None:
    lines = [f"{paint('image', 'bold')}   {pushed.name}", f"{paint('digest', 'bold')}  {pushed.digest}"]
    lines += [f"  {each.outcome:<8} {size_text(each.blob.size):>9}  {each.blob.digest}" for each in pushed.blobs]
    print("\n".join(lines))  # noqa: T201 - a verb of the command line prints
    note(f"\nsent {size_text(pushed.sent_bytes)} in {seconds_text(pushed.seconds)}")
