"""The port for gRPC that a platform is asked to use, or takes by itself where it can."""

import argparse
from importlib.util import find_spec

from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.apps.ports import listening_ports

OFF = -1
USUAL = 8001
USUAL_HTTP = 8000
FLAG = "--grpc-port"


def read(text: str) -> int:
    """The option's value: a port, or `OFF`."""
    if text == "off":
        return OFF
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no port and not 'off'")
    return int(text)


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declares the option."""
    parser.add_argument(
        FLAG,
        type=read,
        metavar="PORT",
        help="port of the gateway for gRPC, which needs modelway-platform[grpc]; 0 for any free one, 'off' for none "
        "(8001, or a free one beside another --port)",
    )


def settle(host: str, asked: int | None, http_port: int) -> int:
    """The port; 0 for none. Nobody has asked where `asked` is None: then it is no error that there is none.

    Raises:
        ModelwayError: What was asked for cannot be had.
    """
    if asked == OFF:
        return 0
    installed = all(find_spec(name) for name in ("grpc", "hpack"))
    if asked is None:
        wanted = USUAL if http_port == USUAL_HTTP else 0
        try:
            return listening_ports.settle(host, wanted, FLAG) if installed else 0
        except ModelwayError:
            return 0
    if not installed:
        raise UnavailableError(
            "gRPC is not installed", hint="pip install 'modelway-platform[grpc]', or leave --grpc-port away"
        )
    return listening_ports.settle(host, asked, FLAG)


def address_of(host: str, port: int) -> str:
    """Where to reach it from this machine."""
    return listening_ports.url_of(host, port).removeprefix("http://")
