"""Where a rollout stands: all that its next move depends on beside the evidence, kept with its document."""

from dataclasses import dataclass
from enum import StrEnum

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.verdicts.rollout import Rollout


class RolloutPhase(StrEnum):
    """The word shown in tables."""

    WAITING = "Waiting"
    RUNNING = "Running"
    PAUSED = "Paused"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    TAKEN_OVER = "TakenOver"
    STOPPED = "Stopped"
    UNDONE = "Undone"


UNDER_WAY = frozenset({RolloutPhase.WAITING, RolloutPhase.RUNNING, RolloutPhase.PAUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A move of weights that has been decided; it is on the disk before the route is touched.

    Args:
        kind: What it is called in the history.
        phase: What follows it.
        step: The step that follows it.
        weights: What the route's versions get, by name.
        words: Why.
        author: Who wants it; empty for the rollout itself.
    """

    kind: str
    phase: RolloutPhase
    step: int
    weights: tuple[tuple[str, int], ...]
    words: str
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStatus:
    """What is so.

    Args:
        run: Counts the runs of this rollout; 0 before the first.
        revision: Of the document that runs.
        phase: Where it is.
        step: The step it is at, from 0; -1 before the first.
        weights: What the route's two versions should have now; another one means that a person has taken over.
        before: What the route's versions had when the run began: what `undo` goes back to.
        started_at: Unix time of the run.
        step_at: Unix time since which the step, and the evidence of it, counts.
        hold_at: Unix time since which it may be waited for enough data.
        refuted: Whether it is paused because a check found the candidate worse.
        ended_at: Unix time of its end; 0 while it is under way.
        approved: Whether a person has let this step go on.
        paused_by: Who paused it; empty when the rollout did so itself.
        pending: A move under way.
        moves: How many there were in this run.
        turn: Grows with every write; who writes says which one was read.
        message: Why it is as it is, in words.
    """

    run: int = 0
    revision: int = 0
    phase: RolloutPhase = RolloutPhase.WAITING
    step: int = -1
    weights: tuple[tuple[str, int], ...] = ()
    before: tuple[tuple[str, int], ...] = ()
    started_at: float = 0.0
    step_at: float = 0.0
    hold_at: float = 0.0
    refuted: bool = False
    ended_at: float = 0.0
    approved: bool = False
    paused_by: str = ""
    pending: Pending | None = None
    moves: int = 0
    turn: int = 0
    message: str = ""

    @property
    def under_way(self) -> bool:
        """Whether it still moves, or may."""
        return self.run > 0 and self.phase in UNDER_WAY


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRecord:
    """A rollout as declared now, and where it stands."""

    rollout: Rollout
    revision: int
    status: RolloutStatus
    created_at: float
    updated_at: float

    @property
    def key(self) -> ModelKey:
        return self.rollout.key


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutMove:
    """Something that a run did or was told, with what it rested on.

    Args:
        number: From 1 in each run.
        at: Unix time.
        kind: begin, advance, promote, rollback, abort, pause, resume, hold, taken-over, stop, undo.
        step: The step it led to.
        before: Weights before it.
        after: Weights after it.
        route_revision: Of the route that has them; 0 where nothing was written.
        author: Who.
        words: Why.
        numbers: The evidence at that moment, as `report_json` has it.
    """

    run: int
    number: int
    at: float
    kind: str
    step: int
    before: tuple[tuple[str, int], ...]
    after: tuple[tuple[str, int], ...]
    route_revision: int
    author: str
    words: str
    numbers: "dict[str, object]"
