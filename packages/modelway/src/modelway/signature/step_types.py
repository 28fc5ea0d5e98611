"""Compares what an endpoint hands to its steps with what they take, where the source and the hints tell."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from modelway.errors import InvalidHandlerError
from modelway.signature.read_flow import function_tree, step_called
from modelway.signature.values import EndpointSignature, Field

_WIDENS = {("integer", "number")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A step as its callers see it: `signature` is None where it is not known, as of a deployed model."""

    name: str
    signature: EndpointSignature | None


def check_calls(owner: type[Any], method: str, given: Mapping[str, Field], steps: Mapping[str, Called]) -> None:
    """Refuses calls of steps that cannot succeed.

    Args:
        owner: The pipeline.
        method: The endpoint's method.
        given: What its parameters are known to be.
        steps: By name.

    Raises:
        InvalidHandlerError: A field is missing or unknown, or a value does not fit; the message names the line.
    """
    tree, offset = function_tree(getattr(owner, method))
    if tree is None:
        return
    known = _known_names(tree, given, steps)
    for node in ast.walk(tree):
        called = steps.get(step_called(node, steps))
        if called is None or not isinstance(node, ast.Call):
            continue
        where = f"{owner.__name__}.{method}, line {offset + node.lineno}: step '{called.name}'"
        if called.signature is None:
            if node.args:
                hint = "write the names of the model's fields"
                raise InvalidHandlerError(f"{where} is a deployed model and takes fields by name", hint=hint)
            continue
        _check_call(where, node, called.signature, known, steps)


def misfit(source: Field, target: Field) -> bool:
    """Whether values of one field can never be values of another."""
    if source.dtype and target.dtype:
        return not _same_kind(source.dtype, target.dtype) or not _shapes_fit(source.shape, target.shape)
    kinds = (source.schema.get("type"), target.schema.get("type"))
    if not all(isinstance(kind, str) for kind in kinds):
        return False
    return kinds[0] != kinds[1] and kinds not in _WIDENS


def _check_call(
    where: str, node: ast.Call, step: EndpointSignature, known: Mapping[str, Field], steps: Mapping[str, Called]
) -> None:
    takes = ", ".join(f"{each.name}: {each.label}" for each in step.inputs) or "nothing"
    if any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords):
        return  # what `*values` and `**values` hold is not written here
    if len(node.args) > len(step.inputs):
        raise InvalidHandlerError(f"{where} is given {len(node.args)} values", hint=f"it takes {takes}")
    values = dict(zip((each.name for each in step.inputs), node.args, strict=False))
    fields = {each.name: each for each in step.inputs}
    for keyword in node.keywords:
        name = str(keyword.arg)
        if name not in fields or name in values:
            what = "twice" if name in values else "which it does not take"
            raise InvalidHandlerError(f"{where} is given '{name}', {what}", hint=f"it takes {takes}")
        values[name] = keyword.value
    for name, field in fields.items():
        if field.required and name not in values:
            raise InvalidHandlerError(f"{where} is not given '{name}'", hint=f"it takes {takes}")
        source = _type_of(values[name], known, steps) if name in values else None
        if source is not None and misfit(source, field):
            raise InvalidHandlerError(
                f"{where} takes {name}: {field.label}, but is given {source.label} ({ast.unparse(values[name])})",
                hint="convert the value in between, or correct the type hint that is wrong",
            )


def _known_names(
    tree: ast.FunctionDef | ast.AsyncFunctionDef, given: Mapping[str, Field], steps: Mapping[str, Called]
) -> dict[str, Field]:
    """Names that are one thing in the whole function: parameters, answers of steps, items of those."""
    stored = Counter(_stored_names(tree))
    known = {name: field for name, field in given.items() if not stored[name]}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if stored[name] == 1 and name not in given:
                found = _type_of(value, known, steps)
            case (
                ast.For(target=ast.Name(id=name), iter=value) | ast.comprehension(target=ast.Name(id=name), iter=value)
            ) if stored[name] == 1 and name not in given:
                whole = _type_of(value, known, steps)
                found = _item(whole) if whole is not None else None
            case _:
                continue
        if found is not None:
            known[name] = found
    return known


def _stored_names(tree: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Each name once per place that gives it a value, but for the function's own parameters."""
    own = {id(each) for each in ast.walk(tree.args) if isinstance(each, ast.arg)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.arg(arg=name) if id(node) not in own:
                yield name  # of a function or lambda inside, which hides the outer one
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case _:
                pass


def _type_of(node: ast.AST, known: Mapping[str, Field], steps: Mapping[str, Called]) -> Field | None:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Await):
        called = steps.get(step_called(node.value, steps))
        return called.signature.output if called is not None and called.signature is not None else None
    return None


def _item(whole: Field) -> Field | None:
    if whole.dtype:
        if not whole.shape:
            return None
        inner = whole.shape[1:]
        shape = ", ".join("any" if length is None else str(length) for length in inner)
        return replace(whole, shape=inner, label=f"{whole.dtype}[{shape}]", schema={})
    items: Any = whole.schema.get("items")
    if not isinstance(items, dict) or whole.schema.get("type") != "array":
        return None
    label = whole.label.removeprefix("list[").removesuffix("]")
    return Field(name="", label=label, schema=cast("Mapping[str, Any]", items))


def _same_kind(source: str, target: str) -> bool:
    """As numpy's "same kind": whole numbers may become fractions, never the other way round."""
    rank = {"bool": 0, "uint": 1, "int": 1, "float": 2}
    kinds = [dtype.rstrip("0123456789") for dtype in (source, target)]
    if not all(kind in rank for kind in kinds):
        return kinds[0] == kinds[1]
    return rank[kinds[0]] <= rank[kinds[1]]


def _shapes_fit(source: tuple[int | None, ...] | None, target: tuple[int | None, ...] | None) -> bool:
    if source is None or target is None:
        return True
    return len(source) == len(target) and all(
        one == other or one is None or other is None for one, other in zip(source, target, strict=True)
    )
