"""`modelway image push`: an image goes from an OCI layout to a registry."""

import argparse

from modelway.cli.command import EXIT_OK
from modelway.cli.showing.output import Steps, note, paint, seconds_text, size_text
from modelway_platform.apps.images import image_parts
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.registries.push import PushedImage, push
from modelway_platform.deploy.images.registries.reference import LayoutName, parse_layout, parse_registry


def run(arguments: argparse.Namespace) -> int:
    """Pushes the image and prints what became of each blob."""
    source = parse_layout(arguments.image)
    return push_image(source, arguments.name, plain_http=arguments.plain_http, mount_from=arguments.mount_from)


def push_image(source: LayoutName, target: str, *, plain_http: bool, mount_from: str = "") -> int:
    """Pushes the image `source` under the name `target` and prints what became of each blob."""
    name = parse_registry(target)
    layout = ImageLayout(source.folder)
    image = layout.find(source.tag, machine_architecture())
    http = image_parts.registry_http(name.host, plain_http=plain_http)
    with Steps() as steps:
        pushed = push(layout, image, name, http, steps, mount_from=mount_from)
    _print(pushed)
    return EXIT_OK


def _print(pushed: PushedImage) -> None:
    lines = [f"{paint('image', 'bold')}   {pushed.name}", f"{paint('digest', 'bold')}  {pushed.digest}"]
    lines += [f"  {each.outcome:<8} {size_text(each.blob.size):>9}  {each.blob.digest}" for each in pushed.blobs]
    print("\n".join(lines))  # noqa: T201 - a verb of the command line prints
    note(f"\nsent {size_text(pushed.sent_bytes)} in {seconds_text(pushed.seconds)}")
