"""How replicas whose folders the platform cannot read send it their inference records."""

from collections.abc import Callable
from dataclasses import dataclass

from modelway_platform.domain.identity import VersionKey

URL_VARIABLE = "MODELWAY_RECORDS_URL"
TOKEN_VARIABLE = "MODELWAY_RECORDS_TOKEN"  # noqa: S105 - a name
SPOOL = "/var/log/modelway"
"""Where a container keeps what is not sent yet."""
SPOOL_MIB = 32
"""Of each worker, unless its deployment says otherwise by `INFERENCE_LOG_MIB`."""
_SLACK_MIB = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsWay:
    """The way to control.

    Args:
        url: Control's address as replicas reach it.
        token_of: The token for the records of a version.
    """

    url: str
    token_of: Callable[[VersionKey], str]


def spool_environment() -> dict[str, str]:
    """What a document may change."""
    return {"INFERENCE_LOG": SPOOL, "INFERENCE_LOG_MIB": str(SPOOL_MIB)}


def spool_mib(workers: int, asked: str) -> int:
    """Room for the spools of all workers, so that their own bound is met before that of the disk.

    Args:
        workers: How many.
        asked: `INFERENCE_LOG_MIB` as its deployment has it; may be empty.
    """
    mib = int(asked) if asked.isascii() and asked.isdigit() else SPOOL_MIB
    return max(mib, 1) * workers + _SLACK_MIB
