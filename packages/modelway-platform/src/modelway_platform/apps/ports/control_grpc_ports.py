"""The port of the control API for gRPC: the usual one, a free one, or none."""

import argparse
from importlib.util import find_spec

from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.apps.ports import grpc_ports, listening_ports

USUAL = 7071
USUAL_CONTROL = 7070
FLAG = "--control-grpc-port"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declares the option."""
    parser.add_argument(
        FLAG,
        type=grpc_ports.read,
        metavar="PORT",
        help="port of the control API for gRPC, at its address, which needs modelway-platform[grpc]; 0 for any free "
        "one, 'off' for none (7071 beside --control-port 7070, where it is free, else none)",
    )


def settle(host: str, asked: int | None, control_port: int) -> int:
    """The port; 0 for none. Nobody has asked where `asked` is None: then it is no error that there is none.

    Raises:
        ModelwayError: What was asked for cannot be had.
    """
    installed = all(find_spec(name) for name in ("grpc", "grpc_health", "grpc_reflection"))
    if asked == grpc_ports.OFF or (asked is None and not (installed and control_port == USUAL_CONTROL)):
        return 0
    if asked is None:
        try:
            return listening_ports.settle(host, USUAL, FLAG)
        except ModelwayError:
            return 0
    if not installed:
        raise UnavailableError(
            "gRPC is not installed", hint=f"pip install 'modelway-platform[grpc]', or leave {FLAG} away"
        )
    return listening_ports.settle(host, asked, FLAG)
