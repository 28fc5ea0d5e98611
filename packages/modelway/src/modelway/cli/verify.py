"""`modelway verify`: whether a package is whole, and signed by somebody who is trusted."""

import argparse
import datetime as dt
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.output import note, paint
from modelway.errors import NotFoundError
from modelway.packaging import verify
from modelway.packaging.signing import check_signatures, parse_bundles, read_public_key, signature_path

EXAMPLE = """
modelway verify dist/digits-1.0.0.mwpkg --key ada.pub
modelway verify dist/digits-1.0.0.mwpkg    # only whether its content is what its manifest says
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a .mwpkg file")
    parser.add_argument(
        "--key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a public key that is trusted; may be repeated",
    )
    parser.add_argument("--signature", type=Path, metavar="FILE", help="its signatures (default: those beside it)")


def run(arguments: argparse.Namespace) -> int:
    """Verifies and says by whom it is signed; ends with an error if it is not."""
    if not arguments.package.is_file():
        raise NotFoundError(f"{arguments.package}: no such file", hint="make a package with `modelway package`.")
    manifest, digest = verify(arguments.package)
    print(f"{paint('package', 'bold')}  {manifest.name}/{manifest.version}, whole")
    print(f"{paint('digest', 'bold')}   {digest}")
    if not arguments.key:
        note("no --key was given: who made it was not asked")
        return EXIT_OK
    keys = [read_public_key(path) for path in arguments.key]
    path = arguments.signature or signature_path(arguments.package)
    bundles = parse_bundles(path.read_bytes()) if path.is_file() else ()
    found = check_signatures(digest, bundles, keys, now=dt.datetime.now(dt.UTC))
    until = found.statement.expires_at
    words = f"{found.statement.signed_at:%Y-%m-%d %H:%M} UTC" + (f", until {until:%Y-%m-%d %H:%M} UTC" if until else "")
    print(f"{paint('signed', 'bold')}   by {found.signer}, {words}")
    return EXIT_OK


COMMAND = Command(
    name="verify",
    help="Check that a package is whole and signed by somebody you trust.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
