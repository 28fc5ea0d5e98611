"""What a rollout does next: a pure decision on where it stands, what the route says, the evidence and the time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelway_platform.domain.parsing.durations import duration_text
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.verdicts.check_finding import CheckAnswer
from modelway_platform.domain.verdicts.rollout import Rollout
from modelway_platform.domain.verdicts.rollout_status import Pending, RolloutPhase, RolloutRecord

Weights = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the decision looks at.

    Args:
        record: The rollout and where it stands.
        route: What its model's Route says now; None without one.
        ready: Versions that have a replica.
        deployed: Versions that are declared and not on their way out.
        requests: What the candidate has answered in this step.
        answers: What each check of this step says.
        explain: A check's finding in words, by its name.
        now: Unix time.
    """

    record: RolloutRecord
    route: Route | None
    ready: frozenset[str]
    deployed: frozenset[str]
    requests: int
    answers: Mapping[str, CheckAnswer]
    explain: Callable[[str], str]
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A change of where the rollout stands that moves no weight; without `kind` only the words change."""

    kind: str
    phase: RolloutPhase
    words: str


Decision = Pending | Noted


def decide(situation: Situation) -> Decision | None:
    """The next move, or None: stay as it is."""
    status = situation.record.status
    if status.pending is not None:
        return status.pending
    if status.under_way and status.revision != situation.record.revision:
        return Noted(kind="stop", phase=RolloutPhase.STOPPED, words="another rollout was declared in its place")
    if not status.under_way:
        return _begin(situation) if status.revision != situation.record.revision else None
    interference = _interference(situation)
    if interference is not None:
        return interference
    return _step(situation)


def weights_of(route: Route, rollout: Rollout) -> Weights:
    """What the two versions of a rollout have, and whatever else has traffic."""
    weights = {each.version: each.weight for each in route.versions}
    two = (rollout.baseline, rollout.candidate)
    others = [(version, weight) for version, weight in weights.items() if weight and version not in two]
    return ((two[0], weights.get(two[0], 0)), (two[1], weights.get(two[1], 0)), *others)


def split(rollout: Rollout, percent: int) -> Weights:
    """The weights that give the candidate so much."""
    return ((rollout.baseline, 100 - percent), (rollout.candidate, percent))


def shares_text(weights: Weights) -> str:
    """`v1 95, v2 5`."""
    return ", ".join(f"{version} {weight}" for version, weight in weights)


def _begin(situation: Situation) -> Decision | None:
    rollout, route = situation.record.rollout, situation.route
    first = rollout.steps[0]
    missing = ""
    if route is None:
        missing = f"{rollout.key} has no Route"
    elif rollout.candidate not in situation.ready:
        missing = f"version {rollout.candidate} has no ready replica"
    elif not dict(weights_of(route, rollout))[rollout.baseline]:
        missing = f"the Route gives {rollout.baseline} no traffic"
    elif len(weights_of(route, rollout)) > 2:
        missing = f"the Route gives other versions traffic, too: {shares_text(weights_of(route, rollout))}"
    if missing:
        words = f"waits: {missing}"
        if situation.record.status.message == words:
            return None
        return Noted(kind="", phase=RolloutPhase.WAITING, words=words)
    words = f"{rollout.candidate} is ready and gets {first.weight} % of the requests"
    return Pending(kind="begin", phase=RolloutPhase.RUNNING, step=0, weights=split(rollout, first.weight), words=words)


def _interference(situation: Situation) -> Decision | None:
    """What others have done to the route or to the versions."""
    record, route = situation.record, situation.route
    rollout, status = record.rollout, record.status
    if route is None:
        return Noted(
            kind="stop", phase=RolloutPhase.STOPPED, words="its Route was deleted: there are no weights to move"
        )
    now = weights_of(route, rollout)
    if now != status.weights:
        words = f"the weights were changed to {shares_text(now)}, while the rollout had them at {shares_text(status.weights)}"
        return Noted(kind="taken-over", phase=RolloutPhase.TAKEN_OVER, words=f"{words}; it moves nothing any more")
    if rollout.baseline not in situation.deployed:
        words = f"version {rollout.baseline} was deleted: there is nothing to go back to; the weights stay"
        return Noted(kind="stop", phase=RolloutPhase.STOPPED, words=words)
    if rollout.candidate not in situation.deployed:
        return _back(rollout, f"version {rollout.candidate} was deleted")
    return None


def _step(situation: Situation) -> Decision | None:
    record = situation.record
    rollout, status = record.rollout, record.status
    if status.phase is RolloutPhase.PAUSED:
        return None
    worse = [name for name, answer in situation.answers.items() if answer is CheckAnswer.WORSE]
    if worse:
        why = "; ".join(situation.explain(name) for name in worse)
        if rollout.on_worse == "rollback":
            return _back(rollout, why)
        return Noted(kind="pause", phase=RolloutPhase.PAUSED, words=why)
    return _forward(situation)


def _forward(situation: Situation) -> Decision | None:
    """Nothing is wrong with the candidate so far."""
    rollout, status = situation.record.rollout, situation.record.status
    step = rollout.steps[status.step]
    waited = situation.now - status.step_at
    if waited < step.pause:
        return None
    lacking = lacking_text(situation)
    if not lacking:
        return _ahead_if_approved(situation, "every check is good")
    patience = rollout.patience(status.step)
    if situation.now - status.hold_at < patience:
        return None
    why = f"not enough data after {duration_text(step.duration or rollout.hold_seconds)}: {lacking}"
    match rollout.after_hold:
        case "rollback":
            return _back(rollout, why)
        case "advance":
            return _ahead_if_approved(situation, why)
        case "pause":
            return Noted(kind="hold", phase=RolloutPhase.PAUSED, words=why)


def _ahead_if_approved(situation: Situation, why: str) -> Decision | None:
    rollout, status = situation.record.rollout, situation.record.status
    if status.approved or not rollout.steps[status.step].approval:
        return ahead(rollout, status.step, why)
    words = f"{why}; waits for approval: modelway rollout resume {rollout.key}"
    return None if status.message == words else Noted(kind="", phase=status.phase, words=words)


def lacking_text(situation: Situation) -> str:
    """What is not known yet that has to be before the next step; empty where nothing is."""
    record = situation.record
    step = record.rollout.steps[record.status.step]
    found: list[str] = []
    if situation.requests < step.minimum_requests:
        what = "requests" if step.weight else "copies"
        found.append(f"{situation.requests:,} of {step.minimum_requests:,} {what} of {record.rollout.candidate}")
    held = [name for name, answer in situation.answers.items() if answer is CheckAnswer.HOLD]
    found += [situation.explain(name) for name in held]
    return "; ".join(found)


def ahead(rollout: Rollout, step: int, why: str, author: str = "") -> Pending:
    """On to the step after `step`, or to the end."""
    if step + 1 == len(rollout.steps):
        words = f"{why}: {rollout.candidate} gets all requests"
        weights = split(rollout, 100)
        return Pending(
            kind="promote", phase=RolloutPhase.PROMOTED, step=step, weights=weights, words=words, author=author
        )
    percent = rollout.steps[step + 1].weight
    return Pending(
        kind="advance",
        phase=RolloutPhase.RUNNING,
        step=step + 1,
        weights=split(rollout, percent),
        words=f"{why}: {rollout.candidate} gets {percent} % of the requests",
        author=author,
    )


def _back(rollout: Rollout, why: str) -> Pending:
    return Pending(
        kind="rollback",
        phase=RolloutPhase.ROLLED_BACK,
        step=-1,
        weights=split(rollout, 0),
        words=f"{why}: {rollout.baseline} gets all requests again",
    )
