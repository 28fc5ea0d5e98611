"""`modelway list`: which packages a store has."""

import argparse

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.output import note, size_text
from modelway.cli.showing.table_text import table_lines
from modelway.cli.store_options import add_store_option, store_of
from modelway.packaging.store import Reference

EXAMPLE = """
modelway list --store s3://models/team
modelway list digits -o json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="only the versions of this model")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    add_store_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a row per version."""
    store = store_of(arguments)
    found = list(store.references(arguments.name))
    if arguments.output == "json":
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    elif found:
        print("\n".join(table_lines(("name", "version", "size", "digest", "pushed"), map(_row, found))))
    else:
        note(
            f"{store.address} has no packages{f' of {arguments.name}' if arguments.name else ''}; see `modelway push -h`"
        )
    return EXIT_OK


def _row(each: Reference) -> tuple[str, ...]:
    return each.name, each.version, size_text(each.size), f"{each.digest[:19]}…", each.pushed_at


COMMAND = Command(
    name="list", help="List the packages of a store.", example=EXAMPLE, add_arguments=add_arguments, run=run
)
