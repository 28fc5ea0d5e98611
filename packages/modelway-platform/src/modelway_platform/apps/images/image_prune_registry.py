"""`modelway image prune-registry`: has the platform take images out of its registries that no revision needs any more."""

import argparse
import json
from collections import Counter

from modelway.cli.command import EXIT_OK
from modelway.cli.showing.output import counted, note
from modelway.client import ControlClient
from modelway.client.connection import find_connection
from modelway_platform.domain.deployments.image_needs import DAY, KeepRules


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    usual = KeepRules()
    parser.add_argument("--cluster", default="", metavar="NAME", help="only the registry of this cluster")
    parser.add_argument(
        "--revisions",
        type=int,
        default=usual.revisions,
        metavar="N",
        help=f"keep those of the last N packages of each deployment (default: {usual.revisions})",
    )
    parser.add_argument(
        "--days",
        type=float,
        default=usual.seconds / DAY,
        metavar="DAYS",
        help=f"and of whatever was declared within so many days (default: {usual.seconds / DAY:g})",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    parser.set_defaults(go=run)


def run(arguments: argparse.Namespace) -> int:
    """Prunes, and says of each image what became of it: those that stay only where all is asked for."""
    counts: Counter[str] = Counter()
    with ControlClient(find_connection().control) as client:
        for each in client.prune_images(
            cluster=arguments.cluster,
            revisions=arguments.revisions,
            days=arguments.days,
            dry_run=arguments.dry_run,
        ):
            counts[each["outcome"]] += 1
            if arguments.output == "json":
                print(json.dumps(each), flush=True)  # noqa: T201 - a verb prints
            elif each["outcome"] != "kept":
                print(f"{each['image']}: {each['outcome']}", flush=True)  # noqa: T201 - a verb prints
    gone = "would be deleted" if arguments.dry_run else "deleted"
    note(f"{counted(counts[gone], 'image')} {gone}, {counts['kept']} stay")
    if counts["deleted"]:
        note("a registry frees the room with its next garbage collection")
    return EXIT_OK
