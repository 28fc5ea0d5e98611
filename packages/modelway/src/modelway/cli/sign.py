"""`modelway sign`: vouches for a package with a key of one's own; makes the key, too."""

import argparse
import os
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.near_path import near_path
from modelway.cli.showing.output import note, paint
from modelway.cli.sign_package import sign_package
from modelway.errors import InvalidRequestError
from modelway.packaging.signing import make_key_pair
from modelway.packaging.signing.keys import PASSWORD_VARIABLE

EXAMPLE = """
modelway sign --make-key ada                            # ada.key, which stays yours, and ada.pub for everybody
modelway sign dist/digits-1.0.0.mwpkg --key ada.key     # writes dist/digits-1.0.0.mwpkg.sigstore.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("package", nargs="?", type=Path, metavar="PACKAGE", help="a .mwpkg file")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help=f"your private key; its password from {PASSWORD_VARIABLE}"
    )
    parser.add_argument("--days", type=float, metavar="N", help="how long the signature counts (default: without end)")
    parser.add_argument("--make-key", type=Path, metavar="NAME", help="make a key pair, NAME.key and NAME.pub, instead")


def run(arguments: argparse.Namespace) -> int:
    """Makes a pair, or signs."""
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if arguments.make_key is not None:
        if arguments.package is not None or arguments.key is not None:
            raise InvalidRequestError("make a key first, then sign with it", hint="modelway sign --make-key NAME")
        private, public = make_key_pair(arguments.make_key, password)
        print(f"{paint('private key', 'bold')}  {near_path(private)}")
        print(f"{paint('public key', 'bold')}   {near_path(public)}")
        note(
            f"\n{near_path(private)} is for you alone" + ("" if password else f"; {PASSWORD_VARIABLE} would encrypt it")
        )
        return EXIT_OK
    if arguments.package is None or arguments.key is None:
        raise InvalidRequestError("which package, with which key?", hint="modelway sign PACKAGE --key NAME.key")
    sign_package(arguments.package, arguments.key, days=arguments.days)
    return EXIT_OK


COMMAND = Command(
    name="sign",
    help="Vouch for a package with a key of your own; the signature lies beside it and goes where it goes.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
