"""The port of the web console: the usual one, a free one, or none."""

import argparse

from modelway.errors import ModelwayError
from modelway_platform.apps.ports import grpc_ports, listening_ports

USUAL = 7080
USUAL_CONTROL = 7070
FLAG = "--console-port"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declares the option."""
    parser.add_argument(
        FLAG,
        type=grpc_ports.read,
        metavar="PORT",
        help="port of the web console, at the control API's address; 0 for any free one, 'off' for none "
        "(7080, or a free one beside another --control-port)",
    )


def settle(host: str, asked: int | None, control_port: int) -> int:
    """The port; 0 for none. Nobody has asked where `asked` is None: then a free one will do.

    Raises:
        ModelwayError: What was asked for cannot be had.
    """
    if asked == grpc_ports.OFF:
        return 0
    if asked is not None:
        return listening_ports.settle(host, asked, FLAG)
    try:
        return listening_ports.settle(host, USUAL if control_port == USUAL_CONTROL else 0, FLAG)
    except ModelwayError:
        return listening_ports.settle(host, 0, FLAG)
