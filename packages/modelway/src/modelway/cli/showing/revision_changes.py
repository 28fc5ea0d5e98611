"""What one revision changed against the one before, short enough for a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from modelway.cli.showing.object_tables import NOTHING, Object, member, short_digest, weights_text
from modelway.cli.showing.table_text import one_line

_LONGEST = 100


def changes_text(before: Object | None, after: Object) -> str:
    """For example `replicas 1 → 2, env.MODE (none) → fast`; `deleted` for the revision that ended it."""
    document = member(after, "document")
    if not document:
        return "deleted"
    old = member(before, "document") if before is not None else NOTHING
    if not old:
        return "created"
    if "versions" in member(document, "spec") and weights_text(old) != weights_text(document):
        rest = list(_differences(_without_versions(old), _without_versions(document), ""))
        return _shortened([f"{weights_text(old)} → {weights_text(document)}", *rest])
    return _shortened(list(_differences(member(old, "spec"), member(document, "spec"), ""))) or "nothing"


def _without_versions(document: Object) -> Object:
    return {name: value for name, value in member(document, "spec").items() if name != "versions"}


def _differences(before: Object, after: Object, path: str) -> Iterator[str]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(cast("Object", old), cast("Object", new), f"{path}{name}.")
        else:
            yield f"{path}{name} {_value(old)} → {_value(new)}"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = one_line(str(value))
    return short_digest(text) if text.startswith("sha256:") else text


def _shortened(parts: Sequence[str]) -> str:
    text = ", ".join(parts)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
