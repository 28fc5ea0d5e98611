"""Two JSON values leaf by leaf: which differ, by how much, and which differs most."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isclose, isfinite
from types import MappingProxyType
from typing import Any, cast

from modelway_platform.domain.parsing.json_place import Place, holds, parse_place
from modelway_platform.domain.routing.mirroring.mirrors import Comparator


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two leaves that are not alike. `excess`: how many times over what is allowed; infinite for what is no number."""

    path: Place
    said: str
    excess: float
    expected: Any
    found: Any


@dataclass(slots=True)
class Differences:
    """What a walk has found."""

    leaves: int = 0
    count: int = 0
    worst: Difference | None = None

    @property
    def score(self) -> float:
        """The share of leaves that are alike."""
        return 1.0 - self.count / self.leaves if self.leaves else 1.0

    def add(self, difference: Difference) -> None:
        """Note one."""
        self.count += 1
        if self.worst is None or difference.excess > self.worst.excess:
            self.worst = difference


class _Rules:
    """A comparator's places, parsed once."""

    def __init__(self, comparator: Comparator) -> None:
        self._ignored = [parse_place(each) or () for each in comparator.ignore]
        usual = comparator.absolute, comparator.relative
        places = [(parse_place(each.place) or (), (each.absolute, each.relative)) for each in comparator.tolerances]
        self._tolerances = [((), usual), *places]
        self.numeric = comparator.kind == "numeric"

    def ignores(self, path: Place) -> bool:
        return any(len(path) == len(each) and holds(each, path) for each in self._ignored)

    def tolerance(self, path: Place) -> tuple[float, float]:
        return next(bounds for place, bounds in reversed(self._tolerances) if holds(place, path))


def walk(comparator: Comparator, expected: Any, found: Any) -> Differences:
    """All differences; without recursion, as nesting is the answer's to choose."""
    walk = _Walk(comparator)
    walk.stack.append(((), expected, found))
    while walk.stack:
        walk.step(*walk.stack.pop())
    return walk.differences


class _Walk:
    """Two values being gone through: what is left, and what was found."""

    def __init__(self, comparator: Comparator) -> None:
        self._rules = _Rules(comparator)
        self.differences = Differences()
        self.stack: list[tuple[Place, Any, Any]] = []

    def step(self, path: Place, mine: Any, other: Any) -> None:
        if self._rules.ignores(path):
            return
        if isinstance(mine, dict) and isinstance(other, dict):
            self._members(path, cast("dict[str, Any]", mine), cast("dict[str, Any]", other))
        elif isinstance(mine, list) and isinstance(other, list):
            self._elements(path, cast("list[Any]", mine), cast("list[Any]", other))
        else:
            self.differences.leaves += 1
            difference = _leaf(path, mine, other, self._rules)
            if difference is not None:
                self.differences.add(difference)

    def _members(self, path: Place, mine: dict[str, Any], other: dict[str, Any]) -> None:
        both: list[tuple[Place, Any, Any]] = []
        for name in [*mine, *(each for each in other if each not in mine)]:
            inner = (*path, name)
            if name in mine and name in other:
                both.append((inner, mine[name], other[name]))
            elif not self._rules.ignores(inner):
                said = "is missing" if name in mine else "is new"
                self._add(_whole(inner, said, mine.get(name), other.get(name)))
        self.stack.extend(reversed(both))

    def _elements(self, path: Place, mine: list[Any], other: list[Any]) -> None:
        if len(mine) != len(other):
            self._add(_whole(path, f"has {len(other)} elements instead of {len(mine)}", mine, other))
        pairs = zip(mine, other, strict=False)
        self.stack.extend(reversed([((*path, index), *pair) for index, pair in enumerate(pairs)]))

    def _add(self, difference: Difference) -> None:
        self.differences.leaves += 1
        self.differences.add(difference)


def _leaf(path: Place, mine: Any, other: Any, rules: _Rules) -> Difference | None:
    if _is_number(mine) and _is_number(other):
        return _numbers(path, mine, other, rules)
    if type(mine) is type(other) and mine == other:
        return None
    if isinstance(mine, bytes) and isinstance(other, bytes):
        shorter = min(len(mine), len(other))
        at = next((index for index in range(shorter) if mine[index] != other[index]), shorter)
        return _whole(path, f"differs from byte {at} on", mine, other)
    same = _kind(mine) == _kind(other)
    return _whole(path, "differs" if same else f"is {_kind(other)} instead of {_kind(mine)}", mine, other)


def _numbers(path: Place, mine: float, other: float, rules: _Rules) -> Difference | None:
    if mine == other or (mine != mine and other != other):  # noqa: PLR0124 - not a number; `isnan` takes no large ones
        return None
    if not rules.numeric:
        return _whole(path, "differs", mine, other)
    absolute, relative = rules.tolerance(path)
    try:
        near = isclose(mine, other, rel_tol=relative, abs_tol=absolute)
        apart = abs(float(mine) - float(other))
        allowed = max(absolute, relative * max(abs(float(mine)), abs(float(other))))
    except OverflowError:  # whole numbers beyond what a float holds
        return _whole(path, "differs", mine, other)
    if near:
        return None
    excess = apart / allowed if allowed and isfinite(apart) else inf
    return Difference(
        path=path, said=f"differs by {apart:.4g}, {allowed:.4g} allowed", excess=excess, expected=mine, found=other
    )


def _whole(path: Place, said: str, expected: Any, found: Any) -> Difference:
    return Difference(path=path, said=said, excess=inf, expected=expected, found=found)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    return _KINDS.get(value.__class__, "an object")


_KINDS: Mapping[type, str] = MappingProxyType(
    {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a text",
        bytes: "bytes",
        list: "a list",
    }
)
