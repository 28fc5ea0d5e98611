"""Which SQL is a question: one SELECT, or how one would be answered. Everything else is refused before anything runs."""

import re
from dataclasses import dataclass

import duckdb

from modelway.errors import InvalidRequestError, ModelwayError

MOST_CHARACTERS = 32_000
# What stands in front of an explained statement; what follows is looked at by itself, for EXPLAIN ANALYZE runs it.
_EXPLAIN = re.compile(r"\s*EXPLAIN\b(\s+ANALYZE\b)?(\s*\([A-Za-z_ ,]{0,50}\))?", re.IGNORECASE)
_KEEPS_VALUES = re.compile(r"\b(quantile(_cont|_disc)?|percentile_(cont|disc)|median|mad)\s*\(", re.IGNORECASE)
_HINT = "one SELECT over the views access, inference, requests, feedback or predictions, e.g. SELECT status, count(*) FROM access GROUP BY status"


@dataclass(frozen=True, slots=True)
class Question:
    """What is run, and whether the answer is a plan."""

    sql: str
    explains: bool


def question_of(sql: str) -> Question:
    """The question that `sql` is.

    Raises:
        InvalidRequestError: It is none; code `invalid_query`.
    """
    if len(sql) > MOST_CHARACTERS:
        raise refusal(f"longer than {MOST_CHARACTERS} characters", _HINT)
    statement, kind = _only_statement(sql)
    if kind == duckdb.StatementType.SELECT:
        return Question(statement, explains=False)
    if kind != duckdb.StatementType.EXPLAIN:
        raise refusal(f"{kind.name} changes or loads something; only SELECT and EXPLAIN are answered", _HINT)
    explained = _EXPLAIN.match(statement)
    if explained is None or _only_statement(statement[explained.end() :])[1] != duckdb.StatementType.SELECT:
        raise refusal("EXPLAIN of anything but SELECT is not answered", _HINT)
    return Question(statement, explains=True)


def refusal(why: str, hint: str = _HINT) -> InvalidRequestError:
    """Why a question is not answered, as the caller is told."""
    return InvalidRequestError(f"the query: {why}", hint=hint, code="invalid_query")


def too_costly(why: str, sql: str) -> ModelwayError:
    """Why a question was given up, and what to ask instead."""
    hint = "ask for a shorter time (since), fewer columns or rows"
    if _KEEPS_VALUES.search(sql):
        hint = (
            "an exact quantile keeps every value: write quantile_near(duration_us, 0.99), which keeps counts and is within 0.05 %,"
            " or ask for a shorter time (since)"
        )
    return ModelwayError(f"the query: {why}", hint=hint, code="query_too_costly")


def _only_statement(sql: str) -> tuple[str, duckdb.StatementType]:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise refusal(first_lines(str(error))) from error
    if len(statements) != 1:
        raise refusal("expected one statement" if not statements else "several statements at once", _HINT)
    return statements[0].query, statements[0].type


def first_lines(message: str) -> str:
    """DuckDB's words without its own hints, short enough for an answer."""
    return message.partition("\n\nStack Trace")[0].strip()[:1000]
