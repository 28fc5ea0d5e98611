"""Whether callers of one signature can go on with another: a pure comparison, cautious where it cannot tell.

Inputs may only widen (what was accepted stays accepted), outputs only narrow (what comes back is still what callers read).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from modelway.signature.values import EndpointSignature, Field, Signature

Effect = Literal["breaking", "compatible"]
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_EXACT = ("pattern", "format", "contentEncoding", "multipleOf", "const")
_LABELS = frozenset({"title", "description", "default", "examples", "contentMediaType", "discriminator"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference, as callers of the old signature meet it.

    Args:
        effect: Whether they have to change.
        where: Endpoint and field: `predict.image`; `predict → answer` for what comes back.
        what: In words.
    """

    effect: Effect
    where: str
    what: str


def compare(old: Signature, new: Signature) -> tuple[Change, ...]:
    """Every difference between two signatures, breaking ones first."""
    before = {each.name: each for each in old.endpoints}
    after = {each.name: each for each in new.endpoints}
    changes = [_change("breaking", name, "the endpoint is gone") for name in before if name not in after]
    changes += [_change("compatible", name, "a new endpoint") for name in after if name not in before]
    for name, endpoint in before.items():
        if name in after:
            changes += _endpoint(endpoint, after[name])
    return tuple(sorted(changes, key=lambda each: each.effect))


def is_compatible(changes: tuple[Change, ...]) -> bool:
    """Whether nothing breaks."""
    return all(each.effect == "compatible" for each in changes)


def _endpoint(old: EndpointSignature, new: EndpointSignature) -> Iterator[Change]:
    if old.streaming != new.streaming:
        manner = "streams its answer" if new.streaming else "answers as a whole"
        yield _change("breaking", old.name, f"now {manner}")
    if old.raw_field and old.raw_field != new.raw_field:
        yield _change("breaking", f"{old.name}.{old.raw_field}", "can no longer be sent as the whole body")
    before = {each.name: each for each in old.inputs}
    after = {each.name: each for each in new.inputs}
    for name, field in before.items():
        if name not in after:
            yield _change("breaking", f"{old.name}.{name}", "is gone: requests that have it are refused")
        else:
            yield from _input(f"{old.name}.{name}", field, after[name])
    for name, field in after.items():
        if name not in before:
            effect: Effect = "breaking" if field.required else "compatible"
            yield _change(effect, f"{old.name}.{name}", f"a new {'needed' if field.required else 'optional'} field")
    yield from _output(f"{old.name} → answer", old.output, new.output)


def _input(where: str, old: Field, new: Field) -> Iterator[Change]:
    if new.required and not old.required:
        yield _change("breaking", where, "is needed now")
    elif old.required and not new.required:
        yield _change("compatible", where, "may be left out now")
    if _same(old, new):
        return
    reason = _why_not(new.schema, old.schema, "") or _tensor(old, new)
    yield _changed(where, old, new, reason)


def _output(where: str, old: Field, new: Field) -> Iterator[Change]:
    if _same(old, new):
        return
    reason = _why_not(_with_more_members(old.schema), new.schema, "") or _tensor(old, new)
    yield _changed(where, old, new, reason)


def _same(old: Field, new: Field) -> bool:
    return (old.schema, old.dtype, old.shape) == (new.schema, new.dtype, new.shape)


def _tensor(old: Field, new: Field) -> str:
    """Open Inference clients send and read elements of one type."""
    if old.dtype and old.dtype != new.dtype:
        return f"tensors of {old.dtype} became {new.dtype or 'no tensor'}"
    return ""


def _changed(where: str, old: Field, new: Field, reason: str) -> Change:
    labels = f"{old.label} became {new.label}" if old.label != new.label else "its rules changed"
    return _change("breaking" if reason else "compatible", where, f"{labels}{': ' if reason else ''}{reason}")


def _change(effect: Effect, where: str, what: str) -> Change:
    return Change(effect=effect, where=where, what=what)


def _with_more_members(schema: Any) -> Any:
    """The schema as callers read answers: a member they do not know disturbs nobody."""
    if isinstance(schema, Mapping):
        members = cast("Mapping[str, Any]", schema)
        return {name: _with_more_members(each) for name, each in members.items() if name != "additionalProperties"} | (
            {"additionalProperties": _with_more_members(members["additionalProperties"])}
            if isinstance(members.get("additionalProperties"), Mapping)
            else {}
        )
    if isinstance(schema, list | tuple):
        return [_with_more_members(each) for each in cast("list[Any]", schema)]
    return schema


def _why_not(wide: Mapping[str, Any], narrow: Mapping[str, Any], path: str) -> str:
    """Why not every value of `narrow` is one of `wide`; empty if it is. What cannot be told counts as a reason."""
    if not _rules(wide) or _rules(wide) == _rules(narrow):
        return ""
    if "anyOf" in narrow:
        reasons = (_why_not(wide, each, path) for each in narrow["anyOf"])
        return next((reason for reason in reasons if reason), "")
    if "anyOf" in wide:
        reasons = [_why_not(each, narrow, path) for each in wide["anyOf"]]
        return "" if not all(reasons) else reasons[0]
    return (
        _why_no_type(wide, narrow, path)
        or _why_no_value(wide, narrow, path)
        or _why_no_bounds(wide, narrow, path)
        or _why_no_items(wide, narrow, path)
        or _why_no_members(wide, narrow, path)
    )


def _rules(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in _LABELS}


def _types(schema: Mapping[str, Any]) -> set[str]:
    if "type" not in schema and "enum" in schema:
        return {_type_of(each) for each in schema["enum"]}
    found = schema.get("type", [])
    types = {found} if isinstance(found, str) else set(cast("list[str]", found))
    return types | {"integer"} if "number" in types else types


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case _:
            return "null"


def _why_no_type(wide: Mapping[str, Any], narrow: Mapping[str, Any], path: str) -> str:
    if "type" not in wide:
        return ""
    missing = (_types(narrow) or {"any type"}) - _types(wide)
    if not missing:
        return ""
    lost = "number" if "number" in missing else min(missing)
    return f"{_at(path)}{lost} is no longer among {', '.join(sorted(_types(wide)))}"


def _why_no_value(wide: Mapping[str, Any], narrow: Mapping[str, Any], path: str) -> str:
    if "enum" not in wide:
        return ""
    lost = [each for each in narrow.get("enum", ()) if each not in wide["enum"]]
    if "enum" not in narrow:
        return f"{_at(path)}only some values are left"
    return f"{_at(path)}{lost[0]!r} is no longer among the values" if lost else ""


def _why_no_bounds(wide: Mapping[str, Any], narrow: Mapping[str, Any], path: str) -> str:
    for name in _LOWER:
        if name in wide and narrow.get(name, float("-inf")) < wide[name]:
            return f"{_at(path)}{name} is {wide[name]} now"
    for name in _UPPER:
        if name in wide and narrow.get(name, float("inf")) > wide[name]:
            return f"{_at(path)}{name} is {wide[name]} now"
    for name in _EXACT:
        if name in wide and narrow.get(name) != wide[name]:
            return f"{_at(path)}{name} is {wide[name]} now"
    return ""


def _why_no_items(wide: Mapping[str, Any], narrow: Mapping[str, Any], path: str) -> str:
    if "prefixItems" in wide or "prefixItems" in narrow:
        pairs = zip(wide.get("prefixItems", ()), narrow.get("prefixItems", ()), strict=False)
        if len(wide.get("prefixItems", ())) != len(narrow.get("prefixItems", ())):
            return f"{_at(path)}another number of items"
        return next((reason for a, b in pairs if (reason := _why_not(a, b, f"{path}[]"))), "")
    if "items" in wide:
        return _why_not(wide["items"], narrow.get("items", {}), f"{path}[]") if "array" in _types(narrow) else ""
    return ""


def _why_no_members(wide: Mapping[str, Any], narrow: Mapping[str, Any], path: str) -> str:
    wanted: Mapping[str, Any] = wide.get("properties", {})
    given: Mapping[str, Any] = narrow.get("properties", {})
    surely = set(narrow.get("required", ()))
    for name in wide.get("required", ()):
        if name not in surely:
            return f"{_at(f'{path}.{name}')}is needed now" if name in given else f"{_at(f'{path}.{name}')}is not there"
    closed = wide.get("additionalProperties") is False
    for name, schema in given.items():
        if name in wanted:
            reason = _why_not(wanted[name], schema, f"{path}.{name}")
            if reason:
                return reason
        elif closed:
            return f"{_at(f'{path}.{name}')}is no longer taken"
    if closed and narrow.get("additionalProperties") is not False and "object" in _types(narrow):
        return f"{_at(path)}other members are no longer taken"
    if isinstance(wide.get("additionalProperties"), Mapping) and isinstance(
        narrow.get("additionalProperties", {}), Mapping
    ):
        return _why_not(wide["additionalProperties"], narrow.get("additionalProperties", {}), f"{path}.*")
    return ""


def _at(path: str) -> str:
    return f"{path.removeprefix('.')} " if path else ""
