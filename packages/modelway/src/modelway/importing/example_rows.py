"""Requests in the form of the old server as golden examples: rows of MLflow's, tensors of the Open Inference Protocol."""

from collections.abc import Mapping
from math import prod
from typing import Any, cast

from modelway.errors import InvalidPackageError
from modelway.importing.source_files import HINT

MOST = 3
WHERE = "the example"


def requests_of(document: Any, fields: Mapping[str, str], *, row: bool) -> list[dict[str, Any]]:
    """Requests of ours, one per row, at most `MOST`; of one that takes whole tensors, a single one.

    Args:
        document: A request of MLflow (`dataframe_split`, `dataframe_records`, `inputs`, `instances`) or of the Open
            Inference Protocol.
        fields: The field for each name of the source; under `""` that of a value without a name.
        row: Whether a request is a row.

    Raises:
        InvalidPackageError: It has another form, or does not fit the fields.
    """
    value, settings = _value(document)
    rows: list[Any]
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        rows = _rows_of_columns(named) if row else [named]
    elif isinstance(value, list):
        rows = cast("list[Any]", value) if row else [value]
    else:
        raise InvalidPackageError(f"{WHERE}: neither rows nor tensors", hint=HINT)
    return [_request(each, fields) | _renamed(settings, fields) for each in rows[:MOST]]


def _value(document: Any) -> tuple[Any, dict[str, Any]]:
    if not isinstance(document, dict):
        return document, {}
    body = cast("dict[str, Any]", document)
    settings = _object(body.get("params") or {}, "params")
    if "dataframe_split" in body:
        return _split_rows(_object(body["dataframe_split"], "dataframe_split")), settings
    for key in ("dataframe_records", "instances", "inputs"):
        if key in body:
            value = body[key]
            return (_tensors(value) if _is_open_inference(value) else value), settings
    return body, {}


def _object(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidPackageError(f"{WHERE}: {key}: must be an object", hint=HINT)
    return cast("dict[str, Any]", value)


def _split_rows(split: dict[str, Any]) -> list[Any]:
    columns, data = split.get("columns"), split.get("data")
    if not isinstance(data, list) or not isinstance(columns, list | None):
        raise InvalidPackageError(f"{WHERE}: dataframe_split: needs columns and data", hint=HINT)
    rows = cast("list[Any]", data)
    if columns is None:
        return rows
    names = [str(each) for each in cast("list[Any]", columns)]
    if not all(isinstance(row, list) and len(cast("list[Any]", row)) == len(names) for row in rows):
        raise InvalidPackageError(f"{WHERE}: dataframe_split: a row of another length", hint=HINT)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _is_open_inference(value: Any) -> bool:
    tensors = cast("list[Any]", value) if isinstance(value, list) else []
    members = [cast("dict[Any, Any]", each) for each in tensors if isinstance(each, dict)]
    return (
        bool(tensors)
        and len(members) == len(tensors)
        and all({"name", "shape", "data"} <= each.keys() for each in members)
    )


def _tensors(tensors: list[dict[str, Any]]) -> dict[str, Any]:
    return {str(each["name"]): _shaped(each["data"], each["shape"]) for each in tensors}


def _shaped(data: Any, shape: Any) -> Any:
    flat = _flat(data)
    lengths = cast("list[Any]", shape) if isinstance(shape, list) else []
    fits = all(isinstance(each, int) and each > 0 for each in lengths) and len(lengths) <= 16
    if not lengths or not fits or prod(lengths) != len(flat):
        raise InvalidPackageError(f"{WHERE}: data and shape do not fit", hint=HINT)
    for length in reversed(lengths[1:]):
        flat = [flat[at : at + length] for at in range(0, len(flat), length)]
    return flat


def _flat(data: Any, depth: int = 0) -> list[Any]:
    if not isinstance(data, list) or depth > 16:
        return [data]
    return [each for part in cast("list[Any]", data) for each in _flat(part, depth + 1)]


def _rows_of_columns(named: dict[str, Any]) -> list[Any]:
    if not all(isinstance(each, list) for each in named.values()):
        return [named]  # one row, value by value
    count = min((len(each) for each in named.values()), default=0)
    return [{name: values[row] for name, values in named.items()} for row in range(min(count, MOST))]


def _request(row: Any, fields: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(row, dict) and not ("" in fields and fields[""] == "row"):
        named = cast("dict[str, Any]", row)
        if len(fields) == 1 and len(named) == 1:  # one unnamed array, whatever the request calls it
            return {next(iter(fields.values())): next(iter(named.values()))}
        return _renamed(named, fields)
    if len(fields) == 1:
        return {next(iter(fields.values())): row}
    values = cast("list[Any]", row) if isinstance(row, list) else []
    if values and len(values) == len(fields):
        return dict(zip(fields.values(), values, strict=True))
    raise InvalidPackageError(f"{WHERE}: a row that does not fit the signature", hint=HINT)


def _renamed(named: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    unknown = [name for name in named if name not in fields]
    if unknown:
        raise InvalidPackageError(f"{WHERE}: {unknown[0][:80]!r} is not in the signature", hint=HINT)
    return {fields[name]: value for name, value in named.items() if value is not None}
