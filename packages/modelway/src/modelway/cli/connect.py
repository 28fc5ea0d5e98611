"""The options every verb that talks to a platform has, and the clients they lead to."""

import argparse

from modelway.client import Connection, ControlClient, find_connection


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """`--url`, `--gateway-url`, `--key` and `--ca-file`."""
    group = parser.add_argument_group("platform", "found by `modelway up`'s context file when not given")
    group.add_argument("--url", default="", metavar="URL", help="control API (or MODELWAY_URL)")
    group.add_argument("--gateway-url", default="", metavar="URL", help="gateway (or MODELWAY_GATEWAY_URL)")
    group.add_argument(
        "--key", default="", metavar="KEY", help="API key (better: MODELWAY_KEY, which `ps` does not show)"
    )
    group.add_argument(
        "--ca-file", default="", metavar="FILE", help="PEM certificates to trust over HTTPS (or MODELWAY_CA_FILE)"
    )


def connection_of(args: argparse.Namespace) -> Connection:
    """Addresses and keys for these arguments."""
    return find_connection(url=args.url, gateway_url=args.gateway_url, key=args.key, ca_file=args.ca_file)


def open_control(args: argparse.Namespace) -> ControlClient:
    """A client of the control API; use it in a `with`."""
    return ControlClient(connection_of(args).control)
