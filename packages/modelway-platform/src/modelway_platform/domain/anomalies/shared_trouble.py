"""Several models that fail at once are one trouble: which of them go together, by what they share. A pure decision.

A lost node, cluster or gateway makes every model that stands on it fail within minutes. Which of the things they share is the cause nobody
can see in their series; said is the one that explains most: it is shared by the most that fail, and fewest that do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelway_platform.domain.anomalies.incident import Incident, Together
from modelway_platform.domain.anomalies.judgement import Cause
from modelway_platform.domain.identity import ModelKey

WINDOW_SECONDS = 900.0
"""What began within so long of each other may be one; few requests show late what many show at once."""
LEAST_MODELS = 3
KINDS = ("node", "gateway", "cluster", "project", "everything")
"""What can be shared, narrowest first."""
EVERYTHING = "everything"
_CAUSES = frozenset({Cause.ERRORS, Cause.LATENCY, Cause.TRAFFIC})
_NAMED = 10
_NOT_FAILING = frozenset({"surge", "faster", "refusals"})


@dataclass(frozen=True, slots=True, order=True)
class Shared:
    """Something that models have in common; `kind` is one of `KINDS`."""

    kind: str
    name: str


Places = Mapping[ModelKey, frozenset[Shared]]
ALL_OF_THEM = Shared(EVERYTHING, "")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Incidents that are one; `id` is that of the trouble they join, empty for a new one."""

    id: str
    shared: Shared
    members: tuple[Incident, ...]


def fold(standing: Sequence[Incident], places: Places, watched: Sequence[ModelKey]) -> list[Trouble]:
    """What becomes one by now.

    Args:
        standing: Incidents that are not over, whether already part of a trouble or not.
        places: What each model shares with others; all of them share everything.
        watched: All models that are watched.

    Returns:
        Troubles that gain members, each with the members it gains; an incident is in one at most, for good.
    """
    alone = sorted((each for each in standing if each.together is None and _fails(each)), key=_order)
    found: list[Trouble] = []
    for id_, shared, begins in _known(standing):
        joining = [
            each
            for each in alone
            if shared in _places(each, places) and any(abs(each.opened_at - at) <= WINDOW_SECONDS for at in begins)
        ]
        if joining:
            found.append(Trouble(id_, shared, tuple(joining)))
            alone = [each for each in alone if each not in joining]
    totals: dict[Shared, int] = {}
    for model in set(watched) | {each.model for each in alone}:
        for shared in (*places.get(model, ()), ALL_OF_THEM):
            totals[shared] = totals.get(shared, 0) + 1
    while (best := _best(alone, places, totals)) is not None:
        found.append(best)
        alone = [each for each in alone if each not in best.members]
    return found


def _best(alone: Sequence[Incident], places: Places, totals: Mapping[Shared, int]) -> Trouble | None:
    """The new trouble that explains most; at least half of what stands on the thing has to fail."""
    newest = max((each.opened_at for each in alone), default=0.0)
    by_shared: dict[Shared, list[Incident]] = {}
    for each in alone:
        if newest - each.opened_at <= WINDOW_SECONDS:
            for shared in _places(each, places):
                by_shared.setdefault(shared, []).append(each)
    failing = {shared: len({each.model for each in members}) for shared, members in by_shared.items()}
    fit = [shared for shared, models in failing.items() if models >= LEAST_MODELS and models * 2 >= totals[shared]]
    if not fit:
        return None
    shared = min(fit, key=lambda each: (-failing[each], totals[each], KINDS.index(each.kind), each.name))
    return Trouble("", shared, tuple(by_shared[shared]))


def _known(standing: Sequence[Incident]) -> Iterator[tuple[str, Shared, list[float]]]:
    """Troubles that there are, with the times at which their members began."""
    begins: dict[Together, list[float]] = {}
    for each in sorted(standing, key=_order):
        if each.together is not None:
            begins.setdefault(each.together, []).append(each.opened_at)
    for together, times in begins.items():
        yield together.id, Shared(together.kind, together.name), times


def _fails(incident: Incident) -> bool:
    return not incident.over and incident.cause in _CAUSES and incident.finding.kind not in _NOT_FAILING


def _places(incident: Incident, places: Places) -> frozenset[Shared]:
    return places.get(incident.model, frozenset()) | {ALL_OF_THEM}


def _order(incident: Incident) -> tuple[float, str, str, str]:
    return incident.opened_at, incident.model.project, incident.model.model, incident.cause.value


def shared_words(together: Together, members: Sequence[Incident]) -> str:
    """One sentence for people: what they share, and who they are."""
    models = sorted({str(each.model) for each in members})
    what = f"{together.kind} {together.name}" if together.name else together.kind
    names = ", ".join(models[:_NAMED]) + (f" and {len(models) - _NAMED} more" if len(models) > _NAMED else "")
    return f"{len(models)} models fail at once and share {what}: {names}"
