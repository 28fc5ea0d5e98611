"""What is watched of a model, and how closely; everything, unless somebody said otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelway_platform.domain.anomalies.judgement import Cause, Sensitivity


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyPolicy:
    """Of a project's models, or of one.

    Args:
        sensitivity: How much has to be wrong.
        causes: What is watched; nothing if empty.
    """

    sensitivity: Sensitivity = Sensitivity.NORMAL
    causes: frozenset[Cause] = field(default_factory=lambda: frozenset(Cause))


def read_policy(sensitivity: str, causes: Sequence[str]) -> AnomalyPolicy | list[str]:
    """A policy out of words, or what is wrong with them.

    Args:
        sensitivity: low, normal, high; normal if empty.
        causes: `all`, `none`, or names.
    """
    problems: list[str] = []
    if sensitivity not in {"", *Sensitivity}:
        problems.append(f"sensitivity: {sensitivity[:50]!r} is none of {', '.join(Sensitivity)}")
    given = set(causes) or {"all"}
    unknown = sorted(given - {"all", "none", *Cause})
    problems += [f"causes: {each[:50]!r} is none of {', '.join(Cause)}, all, none" for each in unknown]
    if given & {"all", "none"} and len(given) > 1:
        problems.append("causes: all and none stand alone")
    if problems:
        return problems
    watched = frozenset(Cause) if "all" in given else frozenset(Cause(each) for each in given - {"none"})
    return AnomalyPolicy(sensitivity=Sensitivity(sensitivity or "normal"), causes=watched)
