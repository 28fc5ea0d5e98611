"""Whether two versions said the same: the comparators that a Route can declare. Pure, and as slow as the answers are long."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from modelway_platform.domain.agreement.answer_values import Answer, UnreadableError, value_of
from modelway_platform.domain.agreement.compare_values import Difference, Differences, walk
from modelway_platform.domain.parsing.json_place import parse_place, place_text, values_at
from modelway_platform.domain.routing.mirroring.mirrors import Comparator

CustomComparator = Callable[[Answer, Answer, Mapping[str, str]], bool | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a comparison found.

    Args:
        agree: None where there was nothing to compare.
        score: From 0, nothing alike, to 1.
        why: What differs most, and where; empty where nothing does.
    """

    agree: bool | None
    score: float | None = None
    why: str = ""


def compare_answers(
    comparator: Comparator, primary: Answer, mirror: Answer, custom: CustomComparator | None = None
) -> Agreement:
    """Compare the mirror's answer with the primary's.

    Answers of another status differ whatever they hold; two errors of one status are the same, as their bodies name requests.
    What `custom` raises is not caught.
    """
    if primary.status != mirror.status:
        return Agreement(agree=False, score=0.0, why=f"status {mirror.status} instead of {primary.status}")
    if primary.status >= 400:
        return Agreement(agree=True, score=1.0)
    if comparator.kind == "custom":
        return _custom(comparator, primary, mirror, custom)
    try:
        expected = value_of(primary)
    except UnreadableError as error:
        return Agreement(agree=None, why=f"the primary gave {error}")
    try:
        found = value_of(mirror)
    except UnreadableError as error:
        return Agreement(agree=False, score=0.0, why=f"the mirror gave {error}")
    return _COMPARERS[comparator.kind](comparator, expected, found)


def _custom(comparator: Comparator, primary: Answer, mirror: Answer, custom: CustomComparator | None) -> Agreement:
    if custom is None:
        return Agreement(agree=None, why=f"there is no comparator {comparator.name}")
    score = float(custom(primary, mirror, dict(comparator.options)))
    if not 0.0 <= score <= 1.0:
        return Agreement(agree=None, why=f"comparator {comparator.name} gave a score outside 0 to 1")
    agree = score >= comparator.minimum
    return Agreement(agree=agree, score=score, why="" if agree else f"{comparator.name} gives {score:.4g}")


def _values(comparator: Comparator, expected: Any, found: Any) -> Agreement:
    """Every leaf: how many are alike, and the one farthest apart."""
    differences = walk(comparator, expected, found)
    return Agreement(agree=not differences.count, score=differences.score, why=_words(comparator, differences))


def _words(comparator: Comparator, differences: Differences) -> str:
    worst = differences.worst
    if worst is None:
        return ""
    more = f"; {differences.count - 1} more" if differences.count > 1 else ""
    return f"{place_text(worst.path)} {worst.said}{_shown(comparator, worst)}{more}"


def _shown(comparator: Comparator, worst: Difference) -> str:
    return f": {_short(worst.found)} instead of {_short(worst.expected)}" if comparator.show_values else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _label(comparator: Comparator, expected: Any, found: Any) -> Agreement:
    return _each(comparator, expected, found, _same_label)


def _same_label(comparator: Comparator, expected: Any, found: Any) -> tuple[float, str]:
    if comparator.scores:
        expected, found = _best(expected, 1), _best(found, 1)
    alike = type(expected) is type(found) or (_is_number(expected) and _is_number(found))
    if alike and expected == found:
        return 1.0, ""
    return 0.0, "another label" + (f": {_short(found)} instead of {_short(expected)}" if comparator.show_values else "")


def _top_k(comparator: Comparator, expected: Any, found: Any) -> Agreement:
    return _each(comparator, expected, found, _overlap)


def _overlap(comparator: Comparator, expected: Any, found: Any) -> tuple[float, str]:
    k = comparator.k
    best, other = (
        _best(each, k) if comparator.scores or isinstance(each, dict) else _listed(each, k)
        for each in (expected, found)
    )
    if not best and not other:
        return 1.0, ""
    common = len(set(best) & set(other))
    score = common / max(len(best), len(other))
    missing = [each for each in best if each not in other] if comparator.show_values else []
    shown = f": without {_short(missing)}" if missing else ""
    return score, "" if score >= comparator.minimum else f"{common} of the best {max(len(best), len(other))}{shown}"


def _listed(value: Any, k: int) -> list[str]:
    """The first k of a list of labels; an object counts as its JSON would, so order of members does not matter."""
    if not isinstance(value, list):
        return []
    return [_name(each) for each in cast("list[Any]", value)[:k]]


def _best(value: Any, k: int) -> list[str]:
    """The labels of the k highest scores: names of an object's members, positions in a list."""
    if isinstance(value, dict):
        scored = [(name, score) for name, score in cast("dict[str, Any]", value).items() if _is_number(score)]
    elif isinstance(value, list):
        scored = [(str(index), score) for index, score in enumerate(cast("list[Any]", value)) if _is_number(score)]
    else:
        return []
    return [name for name, _ in sorted(scored, key=lambda each: -each[1])[:k]]


def _name(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _each(
    comparator: Comparator, expected: Any, found: Any, compare: Callable[[Comparator, Any, Any], tuple[float, str]]
) -> Agreement:
    """All pairs of values at the comparator's place."""
    place = parse_place(comparator.at) or ()
    pairs = values_at(expected, place), values_at(found, place)
    where = place_text(place)
    if not pairs[0]:
        return Agreement(agree=None, why=f"the primary has nothing at {where}")
    if len(pairs[0]) != len(pairs[1]):
        return Agreement(
            agree=False, score=0.0, why=f"{where} is there {len(pairs[1])} times instead of {len(pairs[0])}"
        )
    results = [compare(comparator, *pair) for pair in zip(*pairs, strict=True)]
    _, why = min(results, key=lambda each: each[0])
    wrong = sum(bool(said) for _, said in results)
    words = f"{where}: {why}" + (f" ({wrong} of {len(results)})" if len(results) > 1 else "") if why else ""
    return Agreement(agree=not wrong, score=sum(score for score, _ in results) / len(results), why=words)


_COMPARERS: Mapping[str, Callable[[Comparator, Any, Any], Agreement]] = MappingProxyType(
    {"exact": _values, "numeric": _values, "label": _label, "top-k": _top_k}
)
