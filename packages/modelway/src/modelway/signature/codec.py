"""How one type hint is read from JSON: the shape it has on the wire and the way from there to the modeller's value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Convert = Callable[[Any, str], Any]
"""Makes the modeller's value out of the decoded one; the second argument is the field's path, for the error."""

FromBody = Callable[[bytes, str, str], Any]
"""Makes the modeller's value out of octets: a whole body, or a part of a form. Arguments: octets, charset, path."""

Explain = Callable[[Any, str], str | None]
"""Says in the hint's own words what is wrong with a raw JSON value, or None when the general message is best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One compiled type hint.

    Args:
        wire: The type msgspec decodes and validates.
        label: The type as a person reads it: `float32[64]`.
        schema: Its JSON schema, self-contained.
        convert: The rest of the way to the hint's own type; None where there is none.
        explain: A better message for values the wire type refused.
        dtype: Arrays: the element type; empty otherwise.
        shape: Arrays: the declared shape; None when any.
        item: Codec of a list's items.
        members: Codecs of an object's members.
        media: Which media types a body may have that is nothing but this value: `image/*`; empty where none can.
        from_body: Reads such a body.
        late: Whether `convert` takes long enough to be the model's thread's work rather than the event loop's.
    """

    wire: Any
    label: str
    schema: Mapping[str, Any]
    convert: Convert | None = None
    explain: Explain | None = None
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None
    item: "Codec | None" = None
    members: Mapping[str, "Codec"] = field(default_factory=dict[str, "Codec"])
    media: tuple[str, ...] = ()
    from_body: FromBody | None = None
    late: bool = False
