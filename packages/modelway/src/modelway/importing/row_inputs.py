"""What a model takes, row by row: tensors or columns of the source as parameters of a handler's method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelway.importing.names import field_names, quoted

ROWS_TOGETHER = 64
ARRAY_TYPES = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Args:
        name: As the model knows it.
        hint: The type of one value, as Python source.
        dtype: What pandas is told; empty lets it find out.
        required: Whether a row must have it.
    """

    name: str
    hint: str
    dtype: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One tensor.

    Args:
        name: As the model knows it; empty where the model takes one array without a name.
        dtype: NumPy's name of the element type, one of `ARRAY_TYPES`.
        shape: Of one row, without the axis of rows; None where any length will do.
        rows: Whether the first axis is that of rows; otherwise a request is the whole tensor.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    rows: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value that changes how the model answers, with a default.

    Args:
        name: As the model knows it.
        hint: Its type, as Python source.
        default: Its default.
    """

    name: str
    hint: str
    default: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodText:
    """The parts of a generated method.

    Args:
        parameters: As written between the parentheses, without `self`.
        batch: Lines that make a value for the model of them.
        value: The name of that value.
        count: An expression for the number of rows.
        imports: Modules it uses, `module` or `module as name`.
        fields: For each name of the source the parameter's.
        batched: Whether each parameter holds many rows.
        row: Whether a request is one row; otherwise it is all there is.
    """

    parameters: tuple[str, ...]
    batch: tuple[str, ...]
    value: str
    count: str
    imports: frozenset[str]
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    batched: bool = True
    row: bool = True


def columns_text(columns: Sequence[Column], settings: Sequence[Parameter] = ()) -> MethodText:
    """A table of columns: a parameter per column; with `settings`, which may differ from request to request, one row a call."""
    fields = field_names(each.name for each in (*columns, *settings))
    batched = not settings
    ordered = sorted(columns, key=lambda column: not column.required)  # a default may not stand before none
    parameters = [_column_parameter(fields[each.name], each, batched=batched) for each in ordered]
    parameters += [f"{fields[each.name]}: {each.hint} = {each.default!r}" for each in settings]
    lines = ["batch = pd.DataFrame(", "    {"]
    for column in columns:
        value = fields[column.name] if batched else f"[{fields[column.name]}]"
        series = f'pd.Series({value}, dtype="{column.dtype}")' if column.dtype else f"pd.Series({value})"
        lines.append(f"        {quoted(column.name)}: {series},")
    lines += ["    }", ")"]
    return MethodText(
        parameters=tuple(parameters),
        batch=tuple(lines),
        value="batch",
        count="len(batch)",
        imports=frozenset({"pandas as pd"}),
        fields=fields,
        batched=batched,
    )


def _column_parameter(name: str, column: Column, *, batched: bool) -> str:
    hint = column.hint if column.required else f"{column.hint} | None"
    if not batched:
        return f"{name}: {hint}" + ("" if column.required else " = None")
    return f"{name}: list[{hint}]" + ("" if column.required else " = None")


def any_rows_text() -> MethodText:
    """Rows nothing is known of: objects by column, or lists of values."""
    return MethodText(
        parameters=("row: list[Any]",),
        batch=("batch = pd.DataFrame(row)",),
        value="batch",
        count="len(row)",
        imports=frozenset({"pandas as pd"}),
        fields={"": "row"},
    )


def tensors_text(tensors: Sequence[Tensor], name: str = "inputs") -> MethodText:
    """One array, or a dictionary of named ones; stacked where every tensor's first axis is that of rows."""
    fields = field_names(each.name or name for each in tensors)
    named = {each.name: fields[each.name or name] for each in tensors}
    batched = all(each.rows for each in tensors)
    parameters = tuple(f"{named[each.name]}: {_tensor_hint(each, batched=batched)}" for each in tensors)
    first = named[tensors[0].name]
    alone = len(tensors) == 1 and not tensors[0].name
    lines = ("batch = {", *(f"    {quoted(each.name)}: {named[each.name]}," for each in tensors), "}")
    return MethodText(
        parameters=parameters,
        batch=() if alone else lines,
        value=first if alone else "batch",
        count=f"len({first})",
        imports=frozenset({"numpy as np"}),
        fields=named,
        batched=batched,
        row=batched,
    )


def _tensor_hint(tensor: Tensor, *, batched: bool) -> str:
    array = f"NDArray[np.{'bool_' if tensor.dtype == 'bool' else tensor.dtype}]"
    # Of one row the length is known; of a batch's first axis it is not, and of a whole tensor it may not be.
    lengths = (None, *tensor.shape) if batched or tensor.rows else tensor.shape
    return f"Annotated[{array}, Shape({', '.join(str(each) for each in lengths)})]"
