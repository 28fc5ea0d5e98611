"""What a model said about a batch, as one plain value per row."""

from collections.abc import Mapping
from typing import Any, cast

from modelway.errors import HandlerError


def rows_of(answer: Any, count: int) -> list[Any]:
    """One value per row: of a data frame objects by column, of several arrays objects by name.

    Args:
        answer: A pandas data frame or series, a NumPy array, a list, or a mapping of these.
        count: How many rows were asked about.

    Raises:
        HandlerError: It has another number of rows.
    """
    rows = _rows(answer)
    if rows is None or len(rows) != count:
        got = type(answer).__name__ if rows is None else f"{len(rows)} rows"
        raise HandlerError(f"the model was asked about {count} rows and answered {got}")
    return rows


def plain(value: Any) -> Any:
    """`value` without NumPy's and pandas' types, so that it has a form in JSON."""
    records = _records(value)
    if records is not None:
        return records
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in cast("list[Any]", value)]
    return value


def _records(value: Any) -> list[Any] | None:
    """Of a data frame its rows as objects, known by its methods so that pandas need not be there."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [plain(each) for each in value.to_dict("records")]
    return None


def _rows(answer: Any) -> list[Any] | None:
    if isinstance(answer, Mapping):
        parts = {str(name): _rows(each) for name, each in cast("Mapping[Any, Any]", answer).items()}
        lengths = {-1 if part is None else len(part) for part in parts.values()}
        if len(lengths) != 1 or -1 in lengths:
            return None
        columns = {name: part for name, part in parts.items() if part is not None}
        return [{name: part[row] for name, part in columns.items()} for row in range(lengths.pop())]
    value = plain(answer)
    return cast("list[Any]", value) if isinstance(value, list) else None
