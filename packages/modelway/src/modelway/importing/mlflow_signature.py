"""The signature in an MLmodel file (mlflow.types.schema, in JSON) as rows, columns and types of ours."""

from dataclasses import dataclass
from typing import Any, cast

from modelway.errors import InvalidPackageError
from modelway.importing.outcome import Item, carried, changed, left
from modelway.importing.row_inputs import ARRAY_TYPES, Column, Parameter, Tensor
from modelway.importing.source_files import HINT
from modelway.importing.structured_text import list_at, object_at, parse_json, text_at
from modelway.packaging.entry_path import shown

MAX_COLUMNS = 200
WHERE = "MLmodel: signature"
_PLAIN = {
    "boolean": ("bool", "bool"), "integer": ("int", "int32"), "long": ("int", "int64"), "float": ("float", "float32"),
    "double": ("float", "float64"), "string": ("str", "object"), "binary": ("bytes", "object"),
    "datetime": ("datetime", "datetime64[ns]"),
}  # fmt: skip
_ANSWER_TYPES = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSignature:
    """What a model takes and gives, as far as its source says; no columns and no tensors: anything.

    Args:
        columns: The table it takes.
        tensors: The arrays it takes.
        settings: Parameters beside them.
        answer_dtype: Element type of the one array it gives; empty where it gives something else.
        items: What is to be said about it.
    """

    columns: tuple[Column, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    settings: tuple[Parameter, ...] = ()
    answer_dtype: str = ""
    items: tuple[Item, ...] = ()


def read_signature(model: dict[str, Any]) -> ModelSignature:
    """The signature of an MLmodel document.

    Raises:
        InvalidPackageError: It has another form than MLflow writes.
    """
    signature = object_at(model, "signature", "MLmodel")
    inputs = _specs(signature, "inputs")
    if not inputs:
        how = "rows are taken as they are: objects by column, or lists of values"
        return ModelSignature(items=(changed("signature", f"there is none; {how}"),))
    tensors = [each for each in inputs if each.get("type") == "tensor"]
    if tensors and len(tensors) != len(inputs):
        raise InvalidPackageError(f"{WHERE}: inputs: tensors and columns together", hint=HINT)
    settings, items = _settings(_specs(signature, "params"))
    answer = _answer_dtype(_specs(signature, "outputs"))
    if tensors:
        arrays = tuple(_tensor(each) for each in tensors)
        if all(each is not None for each in arrays):
            found = tuple(each for each in arrays if each is not None)
            items.append(carried("signature.inputs", f"{len(found)} array(s), element type and shape checked"))
            return ModelSignature(tensors=found, answer_dtype=answer, items=tuple(items))
        items.append(changed("signature.inputs", "element types that are no numbers: rows are taken unchecked"))
        return ModelSignature(answer_dtype=answer, items=tuple(items))
    return _table(inputs, settings, answer, items)


def _table(
    inputs: list[dict[str, Any]], settings: tuple[Parameter, ...], answer: str, items: list[Item]
) -> ModelSignature:
    unnamed = [each for each in inputs if not text_at(each, "name", WHERE)]
    if unnamed or len(inputs) > MAX_COLUMNS:
        why = "columns without names" if unnamed else f"{len(inputs)} columns, more than {MAX_COLUMNS}"
        items.append(changed("signature.inputs", f"{why}: a request is one `row`, its values unchecked"))
        return ModelSignature(answer_dtype=answer, items=tuple(items))
    columns = tuple(_column(each) for each in inputs)
    if len({each.name for each in columns}) < len(columns):
        raise InvalidPackageError(f"{WHERE}: inputs: two columns of one name", hint=HINT)
    items.append(carried("signature.inputs", f"{len(columns)} column(s), a field each, types checked"))
    return ModelSignature(columns=columns, settings=settings, answer_dtype=answer, items=tuple(items))


def _specs(signature: dict[str, Any], key: str) -> list[dict[str, Any]]:
    written = signature.get(key)
    if isinstance(written, str):  # MLflow keeps JSON inside YAML
        written = parse_json(written, f"{WHERE}.{key}")
    if written is None:
        return []
    specs = list_at({key: written}, key, WHERE)
    if not all(isinstance(each, dict) for each in specs):
        raise InvalidPackageError(f"{WHERE}: {key}: must be a list of objects", hint=HINT)
    return cast("list[dict[str, Any]]", specs)


def _column(spec: dict[str, Any]) -> Column:
    name = text_at(spec, "name", WHERE)
    required = spec.get("required", True) is not False
    hint, dtype = _PLAIN.get(str(spec.get("type")), (_nested_hint(spec), "object"))
    if not required and hint != "float":
        dtype = "object"  # integers have no missing value
    return Column(name=name, hint=hint, dtype=dtype, required=required)


def _nested_hint(spec: Any, depth: int = 0) -> str:
    kind = cast("dict[str, Any]", spec).get("type") if isinstance(spec, dict) else spec
    if not isinstance(kind, str) or depth > 8:
        return "Any"
    if kind in _PLAIN:
        return _PLAIN[kind][0]
    inner = cast("dict[str, Any]", spec) if isinstance(spec, dict) else {}
    if kind == "array":
        return f"list[{_nested_hint(inner.get('items'), depth + 1)}]"
    if kind == "map":
        return f"dict[str, {_nested_hint(inner.get('values'), depth + 1)}]"
    return "dict[str, Any]" if kind == "object" else "Any"


def _tensor(spec: dict[str, Any]) -> Tensor | None:
    inner = object_at(spec, "tensor-spec", WHERE)
    dtype = text_at(inner, "dtype", WHERE)
    shape = list_at(inner, "shape", WHERE)
    if not shape or len(shape) > 16 or not all(isinstance(each, int) and -1 <= each < 2**40 for each in shape):
        raise InvalidPackageError(f"{WHERE}: tensor-spec: {shown(str(shape))} is not a shape", hint=HINT)
    if dtype not in ARRAY_TYPES:
        return None
    lengths = tuple(None if each == -1 else int(each) for each in shape)
    rows = lengths[0] is None and None not in lengths[1:]
    return Tensor(name=text_at(spec, "name", WHERE), dtype=dtype, shape=lengths[1:] if rows else lengths, rows=rows)


def _settings(specs: list[dict[str, Any]]) -> tuple[tuple[Parameter, ...], list[Item]]:
    found: list[Parameter] = []
    items: list[Item] = []
    for spec in specs:
        name, kind = text_at(spec, "name", WHERE), str(spec.get("type", spec.get("dtype")))
        default, shape = spec.get("default"), spec.get("shape")
        if kind in {"boolean", "integer", "long", "float", "double", "string"} and shape is None and name:
            hint = _PLAIN[kind][0] + ("" if default is not None else " | None")
            found.append(Parameter(name=name, hint=hint, default=default))
            items.append(carried(f"signature.params: {name}", "an optional field; one row a call, as it may differ"))
        else:
            items.append(
                left(f"signature.params: {name}", f"{kind} is not carried", "add it to predict() in handler.py")
            )
    if not all(isinstance(each.default, bool | int | float | str | None) for each in found):
        raise InvalidPackageError(f"{WHERE}: params: a default of another type", hint=HINT)
    return tuple(found), items


def _answer_dtype(specs: list[dict[str, Any]]) -> str:
    if len(specs) != 1 or specs[0].get("name"):
        return ""
    if specs[0].get("type") == "tensor":
        dtype = text_at(object_at(specs[0], "tensor-spec", WHERE), "dtype", WHERE)
        return dtype if dtype in ARRAY_TYPES else ""
    return _ANSWER_TYPES.get(str(specs[0].get("type")), "")
