"""What is said between the process that has a question and the one that answers it."""

from typing import Any

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be answered.

    Args:
        sql: The question.
        parameters: Values of `$name` in it.
        setup: Statements that make its views.
        paths: All files that may be read.
        rows: The answer is cut after so many.
        seconds: Of CPU time, per thread.
        memory: In mebibytes.
        threads: How many.
        spill: Mebibytes that may be written below the working directory for what does not fit into memory; 0 for none.
    """

    sql: str
    parameters: dict[str, str]
    setup: tuple[str, ...]
    paths: tuple[str, ...]
    rows: int
    seconds: float
    memory: int
    threads: int
    spill: int = 0


class ExportJob(msgspec.Struct, frozen=True, kw_only=True):
    """What data set is to be made.

    Args:
        setup: Statements that make the views.
        select: Its rows.
        to: The Parquet file.
        memory: In mebibytes.
        spill: Likewise, of what may be written beside the file for what does not fit into memory.
    """

    setup: tuple[str, ...]
    select: str
    to: str
    memory: int
    spill: int


class AnswerColumn(msgspec.Struct, frozen=True):
    """One column: its name, and its type in DuckDB's words."""

    name: str
    type: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Rows in the order of the columns; `truncated` when there were more."""

    columns: tuple[AnswerColumn, ...]
    rows: list[Any]
    truncated: bool


class Refused(msgspec.Struct, frozen=True):
    """Why there is no answer: an error's code, message and hint."""

    code: str
    message: str
    hint: str
