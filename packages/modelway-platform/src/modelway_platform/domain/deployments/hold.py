"""A person's word on a revision that is under way: wait before the next phase, or give it up."""

from dataclasses import dataclass
from enum import StrEnum

from modelway_platform.domain.deployments.phases import PhaseName


class HoldKind(StrEnum):
    """Paused goes on when it is resumed; aborted stays given up until it is resumed or something else is applied."""

    PAUSED = "Paused"
    ABORTED = "Aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Who said it of which revision; `since` is Unix time in seconds. `before` names a phase where all before it may be done."""

    kind: HoldKind
    revision: int
    author: str
    since: float
    before: PhaseName | None = None
