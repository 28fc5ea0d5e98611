"""`modelway image prune`: makes room where images' layers are kept, by age and size."""

import argparse
from pathlib import Path

from modelway.cli.command import EXIT_OK
from modelway.cli.showing.output import counted, note, size_text
from modelway.client import ControlClient
from modelway.client.connection import find_connection
from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.apps.images import image_parts
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.prune import DAY, GIB, KEEP_DAYS, KEEP_GIB, Limits, prune


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument(
        "--older-than",
        type=float,
        default=KEEP_DAYS,
        metavar="DAYS",
        help=f"unused for so long (default: {KEEP_DAYS:g})",
    )
    parser.add_argument(
        "--keep",
        type=float,
        default=KEEP_GIB,
        metavar="GIB",
        help=f"and the longest unused above (default: {KEEP_GIB:g})",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument(
        "--offline", action="store_true", help="do not ask the platform of this home which packages are deployed"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="only this cache")
    parser.set_defaults(go=run)


def run(arguments: argparse.Namespace) -> int:
    """Prunes, and says what went."""
    limits = Limits(seconds=arguments.older_than * DAY, octets=int(arguments.keep * GIB))
    packages = [] if arguments.offline else _deployed()
    folder = image_parts.home() / "images"
    folders = [arguments.cache] if arguments.cache else [folder, folder / "layers"]
    for each in folders:
        if not (each / "keys").is_dir():
            continue
        pruned = prune(LayerCache(each.absolute()), packages=packages, limits=limits, dry_run=arguments.dry_run)
        word = "would go" if arguments.dry_run else "removed"
        print(f"{each}: {counted(pruned.removed, 'layer')} {word}, {size_text(pruned.octets)}")  # noqa: T201 - a verb prints
        note(f"{size_text(pruned.left)} stay, {counted(pruned.needed, 'layer')} of them for what is deployed")
    return EXIT_OK


def _deployed() -> list[str]:
    """Packages that deployments of the platform in this home declare; none where there is no platform."""
    if not (image_parts.home() / "context.json").is_file():
        return []
    try:
        with ControlClient(find_connection().control) as client:
            return [str(each["spec"]["package"]) for each in client.list_all("deployments")]
    except ModelwayError as error:
        raise UnavailableError(
            f"the platform cannot say what is deployed: {error.message}",
            hint="start it, or leave it out of this with --offline: what is deployed may then be built anew.",
        ) from error
