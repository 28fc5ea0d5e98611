"""People's word on a rollout: wait, go on, everything at once, give up, as it was before, once more."""

from dataclasses import replace
from typing import Literal

from modelway_platform.domain.verdicts.rollout_decision import ahead, split
from modelway_platform.domain.verdicts.rollout_status import Pending, RolloutPhase, RolloutRecord, RolloutStatus

Order = Literal["pause", "resume", "promote", "abort", "undo", "retry"]
ORDERS: tuple[Order, ...] = ("pause", "resume", "promote", "abort", "undo", "retry")


class OrderRefusedError(Exception):
    """There is nothing to do that with; `hint` says what to do instead."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def steered(record: RolloutRecord, order: Order, author: str, now: float) -> RolloutStatus:
    """Where the rollout stands with the order given; what moves weights is pending then, for the rollout to carry out.

    Raises:
        OrderRefusedError: There is nothing to do that with; the words say why.
    """
    status = record.status
    if order == "retry":
        return _once_more(record)
    if order == "undo":
        return _as_before(record, author)
    if not status.under_way:
        state = f"it is {status.phase.value}" if status.run else "it has not begun"
        raise OrderRefusedError(
            f"rollout {record.key} cannot {order}: {state}", hint=f"modelway rollout status {record.key}"
        )
    if status.pending is not None:
        raise OrderRefusedError(f"rollout {record.key} is just moving weights", hint="try again in a moment")
    if order == "pause":
        return replace(status, phase=RolloutPhase.PAUSED, paused_by=author, message=f"paused by {author}")
    if order == "resume":
        # What has been seen in this step stays, unless it spoke against the candidate: then the step begins anew.
        message = f"goes on: {author} said so"
        step_at = now if status.refuted else status.step_at
        return replace(
            status,
            phase=RolloutPhase.RUNNING,
            paused_by="",
            approved=True,
            refuted=False,
            step_at=step_at,
            hold_at=now,
            message=message,
        )
    return replace(status, pending=_pending(record, order, author))


def _pending(record: RolloutRecord, order: Order, author: str) -> Pending:
    rollout = record.rollout
    if order == "promote":
        return ahead(rollout, len(rollout.steps) - 1, f"promoted by {author}", author)
    words = f"aborted by {author}: {rollout.baseline} gets all requests again"
    weights = split(rollout, 0)
    return Pending(kind="abort", phase=RolloutPhase.ABORTED, step=-1, weights=weights, words=words, author=author)


def _as_before(record: RolloutRecord, author: str) -> RolloutStatus:
    status = record.status
    if not status.run or status.phase in {RolloutPhase.TAKEN_OVER, RolloutPhase.STOPPED, RolloutPhase.UNDONE}:
        state = f"it is {status.phase.value}" if status.run else "it has not begun"
        raise OrderRefusedError(
            f"rollout {record.key} has no weights to take back: {state}",
            hint=f"modelway rollout undo route {record.key} declares an earlier revision of the route again",
        )
    if status.pending is not None:
        raise OrderRefusedError(f"rollout {record.key} is just moving weights", hint="try again in a moment")
    words = f"undone by {author}: the weights are as before the rollout"
    pending = Pending(
        kind="undo", phase=RolloutPhase.UNDONE, step=-1, weights=status.before, words=words, author=author
    )
    return replace(status, pending=pending)


def _once_more(record: RolloutRecord) -> RolloutStatus:
    status = record.status
    if status.under_way or not status.run:
        raise OrderRefusedError(
            f"rollout {record.key} has not ended", hint=f"modelway rollout abort {record.key} ends it"
        )
    return replace(status, revision=0, message="begins once more")
