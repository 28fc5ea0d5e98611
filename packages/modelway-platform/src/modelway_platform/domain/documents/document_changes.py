"""What differs between two documents, as a list a person can read."""

from dataclasses import dataclass
from typing import Any, Literal, cast

from modelway_platform.domain.documents.document_json import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs; `before` is None where it was absent, `after` where it goes away."""

    path: str
    before: Any
    after: Any


EffectKind = Literal[
    "in-place", "start", "stop", "rolling-restart", "move", "build", "traffic", "cluster", "stage", "steps"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that follows from a change; `text` says it to people."""

    kind: EffectKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying one document did, or (in a dry run) would do."""

    kind: Kind
    name: str
    action: Literal["created", "changed", "unchanged", "deleted"]
    revision: int
    changes: tuple[Change, ...] = ()
    effects: tuple[Effect, ...] = ()


def changes_between(before: dict[str, Any], after: dict[str, Any], path: str = "") -> tuple[Change, ...]:
    """Every leaf that differs, by its dotted path; a list whose length differs is one change."""
    found: list[Change] = []
    for key in [*before, *(key for key in after if key not in before)]:
        here = f"{path}.{key}" if path else key
        found.extend(_compare(before.get(key), after.get(key), here))
    return tuple(found)


def _compare(before: Any, after: Any, path: str) -> tuple[Change, ...]:
    if before == after:
        return ()
    if isinstance(before, dict) and isinstance(after, dict):
        return changes_between(cast("dict[str, Any]", before), cast("dict[str, Any]", after), path)
    if isinstance(before, list) and isinstance(after, list):
        olds, news = cast("list[Any]", before), cast("list[Any]", after)
        if len(olds) == len(news):
            pairs = enumerate(zip(olds, news, strict=True))
            return tuple(change for index, (old, new) in pairs for change in _compare(old, new, f"{path}[{index}]"))
    return (Change(path=path, before=before, after=after),)
