"""`modelway image`: container images from packages, without a daemon."""

import argparse
from pathlib import Path

from modelway.cli.command import Command, HelpFormatter
from modelway_platform.apps.images import (
    image_base,
    image_bases,
    image_build,
    image_prune,
    image_prune_registry,
    image_push,
)
from modelway_platform.apps.images.image_builders import add_builder_arguments

EXAMPLE = """
modelway image bases
modelway image base scikit-learn-cpu
modelway image build dist/digits-1.0.0.mwpkg -o oci:images:v1
modelway image push oci:images:v1 registry.example/vision/digits:v1
"""
_LAYOUT_HELP = "an image in an OCI layout: oci:DIR or oci:DIR:TAG (tag: latest)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verbs of images."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, formatter_class=HelpFormatter, allow_abbrev=False)

    _build_arguments(verb("build", "make an image of a package: layers for base, environment, SDK, files and code"))

    push = verb("push", "send an image to a registry: only what it does not have")
    push.add_argument("image", metavar="OCI", help=_LAYOUT_HELP)
    push.add_argument("name", metavar="REGISTRY/NAME[:TAG]", help="where to; the registry is never guessed")
    push.add_argument("--mount-from", default="", metavar="NAME", help="repository there that has some of the layers")
    push.add_argument("--plain-http", action="store_true", help="the registry has no TLS")
    push.set_defaults(go=image_push.run)

    image_prune.add_arguments(verb("prune", "remove layers that nobody has used for long, or that take too much room"))

    image_prune_registry.add_arguments(
        verb("prune-registry", "take images out of the platform's registries that no revision needs any more")
    )

    bases = verb("bases", "list the base images that are defined, or the exact wheels of one")
    bases.add_argument("name", nargs="?", default="", metavar="NAME", help="its wheels, instead of the list")
    bases.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    _definitions_argument(bases)
    bases.set_defaults(go=image_bases.run)

    _base_arguments(
        verb("base", "make a base image by name (`modelway image bases` lists them), or a root file system")
    )


def _build_arguments(build: argparse.ArgumentParser) -> None:
    build.add_argument("package", type=Path, metavar="PACKAGE", help="a .mwpkg file")
    build.add_argument(
        "--base",
        default="",
        help="what is below: NAME of a definition, ROOTFS.tar, oci:DIR[:TAG] or REGISTRY/NAME[:TAG]",
    )
    build.add_argument(
        "--device", choices=("cpu", "gpu"), help="what the base is for (default: what the lock is made for)"
    )
    build.add_argument(
        "--bases", default="", metavar="WHERE", help="where bases are: oci:DIR or REGISTRY/NAME ($MODELWAY_BASES)"
    )
    build.add_argument("-o", "--output", required=True, metavar="OCI", help=_LAYOUT_HELP)
    build.add_argument("--interpreter", default="", metavar="PATH", help="the base's Python, if not in a usual place")
    build.add_argument("--plain-http", action="store_true", help="the base's registry has no TLS")
    add_builder_arguments(build)
    _definitions_argument(build)
    _cache_argument(build)
    build.set_defaults(go=image_build.run)


def _base_arguments(base: argparse.ArgumentParser) -> None:
    base.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="which; without one, Debian 12 with Python 3.11 alone"
    )
    base.add_argument(
        "-o",
        "--output",
        default="",
        metavar="OCI",
        help="where it goes: oci:DIR[:TAG] ($MODELWAY_HOME/images/bases), or ROOTFS.tar",
    )
    base.add_argument(
        "--push", default="", metavar="REGISTRY/NAME", help="send it there, too, with its name as the tag"
    )
    base.add_argument("--dry-run", action="store_true", help="print its exact wheels, make nothing")
    base.add_argument("--lock", type=Path, metavar="FILE", help="its wheels; written if it does not exist")
    base.add_argument(
        "--root",
        default="",
        metavar="BASE",
        help="what is below: ROOTFS.tar, oci:DIR[:TAG] or REGISTRY/NAME[:TAG] (Debian 12)",
    )
    base.add_argument(
        "--mirror", default="", metavar="URL", help="Debian mirror for a root file system, which mmdebstrap makes"
    )
    base.add_argument("--plain-http", action="store_true", help="the registries have no TLS")
    _definitions_argument(base)
    _cache_argument(base)
    base.set_defaults(go=image_base.run)


def _definitions_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--definitions", type=Path, metavar="FILE", help="definitions of your own ($MODELWAY_HOME/bases.toml)"
    )


def _cache_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, metavar="DIR", help="layers made before ($MODELWAY_HOME/images)")


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
