"""`modelway console`: the address of the web console, with a link that signs in once."""

import argparse
import webbrowser

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.output import note
from modelway.client.connection import find_connection
from modelway.client.http_client import HttpClient

DEFAULT_URL = "http://127.0.0.1:7080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's options."""
    parser.add_argument(
        "--console-url", metavar="URL", help=f"where the console is (that of this machine, or {DEFAULT_URL})"
    )
    parser.add_argument("--open", action="store_true", help="open it in a browser")


def run(arguments: argparse.Namespace) -> int:
    """Print a link; it works once, for two minutes."""
    found = find_connection()
    url = (arguments.console_url or found.console or DEFAULT_URL).rstrip("/")
    with HttpClient(url, headers=found.control.headers) as client:
        ticket = client.request("POST", "/tickets").json()["ticket"]
    # Behind the #: browsers keep that to themselves, so it is in nobody's log.
    link = f"{url}/#/sign-in/{ticket}"
    print(link)  # noqa: T201 - a verb of the command line prints
    note("the link signs in once, within two minutes")
    if arguments.open:
        webbrowser.open(link)
    return EXIT_OK


COMMAND = Command(
    name="console",
    help="Open the web console: prints a link that signs you in.",
    example="modelway console\nmodelway console --open",
    add_arguments=add_arguments,
    run=run,
)
