"""A question of the collected records."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_ROWS = 100_000
MOST_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """SQL with what bounds it.

    Args:
        sql: One SELECT, or EXPLAIN of one.
        parameters: Values of `$name` in it.
        since: Unix time before which records are not looked at; 0 for all there are.
        rows: The answer is cut after so many.
        seconds: After which it is given up.
    """

    sql: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    since: float = 0.0
    rows: int = 1000
    seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Which records become a data set; an empty text stands for any.

    Args:
        since: Unix time of the first.
        until: Unix time behind the last; 0 for all there are.
        labelled: Only those with a label or a reward.
        mirrored: Copies, too.
        seconds: After which it is given up.
    """

    project: str = ""
    model: str = ""
    version: str = ""
    since: float = 0.0
    until: float = 0.0
    labelled: bool = False
    mirrored: bool = False
    seconds: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyQuestion:
    """One that need not be written.

    Args:
        name: What it is asked by.
        about: What it answers.
    """

    name: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A ready question as somebody asks it; an empty text stands for any."""

    name: str
    project: str = ""
    model: str = ""
    version: str = ""
    since: float = 0.0
    rows: int = 20
    seconds: float = 30.0
