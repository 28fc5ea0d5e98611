"""What the watching process does with complete series: judges all models, keeps incidents, tells of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelway_platform.domain.anomalies.incident import Incident
from modelway_platform.domain.anomalies.judgement import Cause, Judgement
from modelway_platform.domain.anomalies.shared_trouble import LEAST_MODELS, Places, fold
from modelway_platform.domain.identity import ModelKey
from modelway_platform.insight.anomalies.model_watch import ModelWatch
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings, policy_of
from modelway_platform.store.anomalies.incidents import Evidence, Incidents

_TIDY_STEPS = 60


def nowhere(_: Sequence[ModelKey]) -> Places:
    """They share nothing that is known."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchParts:
    """What it stands on.

    Args:
        watch: Judges.
        incidents: Where they are kept.
        settings: What is watched of whom.
        evidence: What an incident is opened with.
        say: Told of what was opened or resolved.
        tell: Whether there is anybody to send messages to.
        step: Seconds of a step.
        places: What each of these models shares with others.
    """

    watch: ModelWatch
    incidents: Incidents
    settings: AnomalySettings
    evidence: Evidence
    say: Callable[[Incident], None]
    tell: bool
    step: int
    places: Callable[[Sequence[ModelKey]], Places] = nowhere


class AnomalyWatcher:
    """One turn per step; what was judged already is not judged again."""

    def __init__(self, parts: WatchParts) -> None:
        self._parts = parts
        self._judged_at = 0
        self._turns = 0

    def turn(self, end: int) -> None:
        """Judges what the series say up to `end`.

        Raises:
            sqlite3.Error: The series cannot be read.
            ModelwayError: The database cannot be used.
        """
        if end <= self._judged_at:
            return
        parts = self._parts
        policies, standing = parts.settings.policies(), parts.incidents.standing()
        models = parts.watch.models()
        known: dict[ModelKey, frozenset[Cause]] = {}
        for (of, cause), each in standing.items():
            if not each.over:
                known[of] = known.get(of, frozenset()) | {cause}
        judgements: dict[tuple[ModelKey, Cause], list[Judgement]] = {}
        for model in models:
            wrong = known.get(model, frozenset())
            policy = policy_of(policies, model)
            found = parts.watch.judge(model, policy, end, models=len(models), wrong=wrong)
            for each in found:
                judgements.setdefault((model, each.cause), []).append(each)
            for cause in wrong - policy.causes:  # nobody watches it any more
                judgements[model, cause] = [Judgement(cause=cause, blind="not watched")]
        for incident in parts.incidents.judged(
            judgements,
            at=float(end),
            step=parts.step,
            evidence=parts.evidence,
            tell=parts.tell,
            fold=lambda standing: fold(standing, parts.places(models), models) if len(standing) >= LEAST_MODELS else (),
        ):
            parts.say(incident)
        if self._turns % _TIDY_STEPS == 0:
            parts.incidents.let_go()
        self._turns += 1
        self._judged_at = end
