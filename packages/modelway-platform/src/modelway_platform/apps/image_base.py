"""`modelway image base`: a root file system to put images on."""

import argparse
import os

from modelway.cli.command import EXIT_OK
from modelway.cli.output import Steps, note, size_text
from modelway_platform.deploy.images.debian import PYTHON, SUITE, make_base


def run(arguments: argparse.Namespace) -> int:
    """Makes it and says what it is."""
    with Steps() as steps:
        make_base(arguments.output, mirror=arguments.mirror, variables=os.environ, progress=steps)
    print(arguments.output)  # noqa: T201 - a verb of the command line prints
    note(f"Debian {SUITE} with Python {PYTHON}, {size_text(arguments.output.stat().st_size)}")
    return EXIT_OK
