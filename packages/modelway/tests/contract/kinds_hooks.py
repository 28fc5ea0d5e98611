"""Which cases Schemathesis makes: JSON bodies and forms; bodies that are one field itself have tests of their own.

Runs in Schemathesis' environment.
"""

from typing import Any

import schemathesis  # pyright: ignore[reportMissingImports]

OCTETS_IN_FORMS = {"/predict", "/small", "/raw", "/picture"}
LARGEST_EXACT = 2**53
Hooks: Any = schemathesis


@Hooks.hook
def filter_case(context: Any, case: Any) -> bool:
    form = (case.media_type or "").startswith("multipart/")
    if form and case.operation.path in OCTETS_IN_FORMS:
        return False
    # The query is read beside a body that is one field itself only.
    return not case.media_type or ((form or case.media_type == "application/json") and not case.query)


@Hooks.hook
def map_body(context: Any, body: Any) -> Any:
    return whole(body)


def whole(value: Any) -> Any:
    """3.0 is an integer to JSON Schema, as JSON has but one kind of number; who means a handler's `int` writes 3."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT:
        return int(value)
    if isinstance(value, list):
        return [whole(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {name: whole(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
