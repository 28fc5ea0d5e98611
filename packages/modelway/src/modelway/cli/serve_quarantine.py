"""Options of `modelway serve` for the quarantine: whether, where and how many inputs are kept that the model failed on."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.serve_observing import number_in, redacted_names, redacted_patterns

if TYPE_CHECKING:
    from modelway.serving.quarantine_settings import QuarantineSettings

_MEBI = 1024 * 1024
_OFF = "off"
_LONGEST_SEARCHED = 64 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--quarantine",
        metavar="FOLDER",
        help="keep inputs there that the model failed on, see `modelway quarantine`; redacted as by --log-redact (default: none)",
    )
    parser.add_argument("--quarantine-samples", metavar="N", help="how many are kept (default: 100)")
    parser.add_argument("--quarantine-mib", metavar="N", help="what they may take together (default: 16)")


def quarantine(arguments: argparse.Namespace, environment: Mapping[str, str]) -> "QuarantineSettings | None":
    """What is asked for, by flags first, then by `QUARANTINE…` variables.

    Raises:
        InvalidRequestError: A value cannot be used; the message names flag and variable.
    """
    from modelway.serving.quarantine_settings import DEFAULT_SAMPLES, QuarantineSettings  # noqa: PLC0415 - with the server only

    def given(name: str, default: str) -> str:
        flag = getattr(arguments, name)
        return flag if flag is not None else environment.get(name.upper(), default)

    folder = given("quarantine", "")
    if not folder or folder == _OFF:
        return None
    samples = number_in("quarantine_samples", given("quarantine_samples", str(DEFAULT_SAMPLES)), 1, 10_000)
    mebi = number_in("quarantine_mib", given("quarantine_mib", "16"), 1, 64 * 1024)
    return QuarantineSettings(
        folder=str(Path(folder).absolute()),
        samples=int(samples),
        total_bytes=int(mebi) * _MEBI,
        redacted_names=redacted_names(arguments, environment),
        redacted_patterns=redacted_patterns(arguments, environment, _LONGEST_SEARCHED),
    )
