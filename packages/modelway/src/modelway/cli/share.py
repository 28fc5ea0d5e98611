"""`modelway share`: a ticket with which somebody without access to the store can pull one version, for a while."""

import argparse
import datetime as dt
import os
import sys

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.store_options import add_store_option, find_version, store_of
from modelway.packaging.store import share

EXAMPLE = """
modelway share digits/1.0.0 --store s3://models/team --hours 24 > ticket.json
modelway pull --ticket ticket.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("package", metavar="NAME/VERSION", help="which package")
    parser.add_argument("--hours", type=float, default=1.0, metavar="HOURS", help="how long it is valid (default: 1)")
    add_store_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the ticket."""
    store = store_of(arguments)
    reference = find_version(store, arguments.package)
    ticket = share(store, reference, dt.timedelta(hours=arguments.hours))
    sys.stdout.flush()
    os.write(sys.stdout.fileno(), ticket.to_bytes())
    return EXIT_OK


COMMAND = Command(
    name="share",
    help="Print a ticket for one package of a bucket: signed addresses, valid for a while.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
