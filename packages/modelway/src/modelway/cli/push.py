"""`modelway push`: sends a package to a store, where its version is its own for ever."""

import argparse
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.output import counted, note, paint, size_text
from modelway.cli.showing.transfer_bar import TransferBar
from modelway.cli.store_options import add_store_option, store_of
from modelway.packaging.store import push, push_signatures

EXAMPLE = """
modelway push dist/digits-1.0.0.mwpkg --store s3://models/team
modelway push dist/digits-1.0.0.mwpkg --store /mnt/models
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a .mwpkg file")
    add_store_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pushes and says what had to be sent."""
    store = store_of(arguments, make=True)
    with TransferBar(f"pushing {arguments.package.name}") as bar:
        pushed = push(arguments.package, store, bar)
    reference = pushed.reference
    signatures = push_signatures(arguments.package, reference.digest, store)
    print(f"{paint('package', 'bold')}  {reference.label}")
    print(f"{paint('digest', 'bold')}   {reference.digest}")
    if pushed.new:
        note(f"sent {size_text(pushed.sent)}; files that were there already were not sent again")
    else:
        note(f"{store.address} has it already, since {reference.pushed_at}")
    if signatures:
        note(f"with {counted(signatures, 'signature')}")
    if store.address.startswith(("s3://", "file:///")):
        note(f"\nnext: in a Deployment, package: {store.address.rstrip('/')}/{reference.label}@{reference.digest}")
    return EXIT_OK


COMMAND = Command(
    name="push",
    help="Send a package to a store; only files that are not there are sent.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
