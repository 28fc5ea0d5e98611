"""`modelway image`: container images from packages, without a daemon."""

import argparse
from pathlib import Path

from modelway.cli.command import Command, HelpFormatter
from modelway_platform.apps import image_base, image_build, image_push

EXAMPLE = """
modelway image base -o debian-12-python-3.11.tar
modelway image build dist/digits-1.0.0.mwpkg --base debian-12-python-3.11.tar -o oci:images:v1
modelway image push oci:images:v1 registry.example/vision/digits:v1
"""
_LAYOUT_HELP = "an image in an OCI layout: oci:DIR or oci:DIR:TAG (tag: latest)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verbs of images."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, formatter_class=HelpFormatter, allow_abbrev=False)

    build = verb("build", "make an image of a package: layers for base, environment, SDK, files and code")
    build.add_argument("package", type=Path, metavar="PACKAGE", help="a .mwpkg file")
    build.add_argument("--base", required=True, help="what is below: ROOTFS.tar, oci:DIR[:TAG] or REGISTRY/NAME[:TAG]")
    build.add_argument("-o", "--output", required=True, metavar="OCI", help=_LAYOUT_HELP)
    build.add_argument("--interpreter", default="", metavar="PATH", help="the base's Python, if not in a usual place")
    build.add_argument("--cache", type=Path, metavar="DIR", help="layers made before ($MODELWAY_HOME/images)")
    build.add_argument("--plain-http", action="store_true", help="the base's registry has no TLS")
    build.set_defaults(go=image_build.run)

    push = verb("push", "send an image to a registry: only what it does not have")
    push.add_argument("image", metavar="OCI", help=_LAYOUT_HELP)
    push.add_argument("name", metavar="REGISTRY/NAME[:TAG]", help="where to; the registry is never guessed")
    push.add_argument("--mount-from", default="", metavar="NAME", help="repository there that has some of the layers")
    push.add_argument("--plain-http", action="store_true", help="the registry has no TLS")
    push.set_defaults(go=image_push.run)

    base = verb(
        "base", "make a base for CPUs: Debian 12 with Python 3.11 (needs mmdebstrap, and root or user namespaces)"
    )
    base.add_argument("-o", "--output", required=True, type=Path, metavar="ROOTFS.tar", help="where the archive goes")
    base.add_argument("--mirror", default="", metavar="URL", help="Debian mirror (mmdebstrap's own choice)")
    base.set_defaults(go=image_base.run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen verb."""
    code: int = arguments.go(arguments)
    return code


COMMAND = Command(
    name="image",
    help="Make container images of packages and push them, without a daemon.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
