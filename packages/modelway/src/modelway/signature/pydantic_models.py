"""Pydantic models by type hint: their own validation, our error form.

Pydantic is never imported here: a hint that is a model shows that the modeller's code already did.
"""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from modelway.errors import InvalidInputError
from modelway.signature.codec import Codec
from modelway.signature.schema import standalone


def is_pydantic_model(hint: Any) -> bool:
    """Whether a hint is a class derived from `pydantic.BaseModel`."""
    module = sys.modules.get("pydantic")
    return module is not None and isinstance(hint, type) and issubclass(hint, module.BaseModel)


def pydantic_codec(model: Any) -> Codec:
    """Compile a model.

    Raises:
        TypeError: It contains itself, or has fields without a JSON schema.
    """
    errors = sys.modules["pydantic"].ValidationError
    schema_error = sys.modules["pydantic"].errors.PydanticInvalidForJsonSchema
    try:
        schema = standalone(model.model_json_schema())
    except schema_error as error:
        raise TypeError(f"{model.__name__} has no JSON schema: {error}") from error

    def convert(value: Any, path: str) -> Any:
        try:
            # From JSON text, not from Python values: strict models accept a date as JSON writes it only there.
            return model.model_validate_json(msgspec.json.encode(value))
        except errors as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise InvalidInputError(f"{path}{_steps(first['loc'])}: {first['msg']}") from None

    return Codec(wire=dict[str, Any], label=model.__name__, schema=schema, convert=convert)


def _steps(location: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)[:200]
