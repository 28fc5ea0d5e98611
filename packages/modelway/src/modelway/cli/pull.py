"""`modelway pull`: fetches a package from a store or with a ticket, checked to the last octet."""

import argparse
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.near_path import near_path
from modelway.cli.showing.output import counted, note, paint
from modelway.cli.showing.transfer_bar import TransferBar
from modelway.cli.store_options import add_store_option, find_version, store_of
from modelway.errors import InvalidRequestError, NotFoundError
from modelway.packaging.signing import signature_path
from modelway.packaging.store import Store, pull, pull_signatures, read_ticket

EXAMPLE = """
modelway pull digits/1.0.0 --store s3://models/team
modelway pull --ticket ticket.json   # what `modelway share` made; needs no access to the store
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("package", nargs="?", default="", metavar="NAME/VERSION", help="which package")
    parser.add_argument("--ticket", type=Path, metavar="FILE", help="a ticket in place of name and store")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="where the archive goes (default: here)"
    )
    add_store_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pulls and prints the path."""
    if bool(arguments.package) == (arguments.ticket is not None):
        raise InvalidRequestError("name a package or a ticket", hint="modelway pull NAME/VERSION --store ADDRESS")
    if arguments.ticket is not None:
        try:
            source = read_ticket(arguments.ticket.read_bytes())
        except OSError as error:
            raise NotFoundError(f"{arguments.ticket}: {error.strerror}") from error
        reference = source.reference
    else:
        source = store_of(arguments)
        reference = find_version(source, arguments.package)
    with TransferBar(f"pulling {reference.label}") as bar:
        path = pull(reference, source, arguments.output, bar)
    signatures = pull_signatures(reference.digest, source) if isinstance(source, Store) else ()  # a ticket has none
    if signatures:
        signature_path(path).write_bytes(b"".join(each.to_bytes() for each in signatures))
    print(f"{paint('package', 'bold')}  {near_path(path)}")
    print(f"{paint('digest', 'bold')}   {reference.digest}")
    if signatures:
        note(f"with {counted(len(signatures), 'signature')}")
    note(f"\nnext: modelway serve {near_path(path)}")
    return EXIT_OK


COMMAND = Command(
    name="pull",
    help="Fetch a package from a store; goes on where it was broken off.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
