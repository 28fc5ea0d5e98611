"""Where a rollout stands after what was decided has been done."""

from dataclasses import replace

from modelway_platform.domain.verdicts.rollout_decision import Noted, Weights
from modelway_platform.domain.verdicts.rollout_status import UNDER_WAY, Pending, RolloutStatus


def begun(status: RolloutStatus, revision: int, before: Weights, pending: Pending, now: float) -> RolloutStatus:
    """A new run, whose first move is pending; `before` is what the route says now."""
    return RolloutStatus(
        run=status.run + 1,
        revision=revision,
        weights=before,
        before=before,
        started_at=now,
        pending=pending,
        turn=status.turn,
        message=pending.words,
    )


def moved(status: RolloutStatus, pending: Pending, now: float) -> RolloutStatus:
    """The pending weights are in force: a step, and its evidence, begins with them."""
    return replace(
        status,
        phase=pending.phase,
        step=pending.step if pending.step >= 0 else status.step,
        weights=pending.weights,
        step_at=now,
        hold_at=now,
        approved=False,
        paused_by="",
        refuted=False,
        pending=None,
        ended_at=0.0 if pending.phase in UNDER_WAY else now,
        message=pending.words,
    )


def noted(status: RolloutStatus, news: Noted, now: float) -> RolloutStatus:
    """The phase or the words are others, the weights are not."""
    return replace(
        status,
        phase=news.phase,
        message=news.words,
        pending=None,
        refuted=news.kind == "pause",
        ended_at=status.ended_at if news.phase in UNDER_WAY else now,
    )
