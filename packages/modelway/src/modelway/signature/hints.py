"""Type hints compiled to codecs: plain types, lists, dictionaries, tuples, optionals, dataclasses, arrays."""

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from modelway.errors import InvalidInputError
from modelway.handler import Shape
from modelway.signature.aliases import read_hints
from modelway.signature.arrays import array_codec, is_array_hint
from modelway.signature.codec import Codec
from modelway.signature.images import image_codec, is_image_hint
from modelway.signature.octets import OCTETS, TEXT, octets_as_they_are, text_of
from modelway.signature.pydantic_models import is_pydantic_model, pydantic_codec
from modelway.signature.schema import native_schema

_INT64 = msgspec.Meta(ge=-(2**63), le=2**63 - 1)
_ANYTHING = Codec(wire=Any, label="any", schema={})
_PLAIN: dict[Any, Codec] = {
    bool: Codec(wire=bool, label="bool", schema={"type": "boolean"}),
    int: Codec(wire=Annotated[int, _INT64], label="int", schema={"type": "integer"}),
    float: Codec(wire=float, label="float", schema={"type": "number"}),
    str: Codec(wire=str, label="str", schema={"type": "string"}, media=(TEXT,), from_body=text_of),
    bytes: Codec(
        wire=bytes,
        label="bytes",
        schema={"type": "string", "contentEncoding": "base64"},
        media=(OCTETS,),
        from_body=octets_as_they_are,
    ),
    None: Codec(wire=None, label="null", schema={"type": "null"}),
    types.NoneType: Codec(wire=None, label="null", schema={"type": "null"}),
    Any: _ANYTHING,
    object: _ANYTHING,
}
_LISTS = frozenset({list, Sequence})
_DICTIONARIES = frozenset({dict, Mapping})


def compile_hint(hint: Any, outer: tuple[type, ...] = ()) -> Codec:
    """Compile one hint.

    Args:
        hint: As `read_hints` gives it.
        outer: The dataclasses it stands in, to notice one that contains itself.

    Raises:
        TypeError: It has no form in JSON that could be checked; the message says what to write instead.
    """
    extras: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        extras = tuple(rest)
    shape = next((extra for extra in extras if isinstance(extra, Shape)), None)
    if is_array_hint(hint):
        return array_codec(hint, shape)
    if shape is not None:
        raise TypeError("Shape(...) describes an array: write Annotated[NDArray[np.float32], Shape(...)]")
    if any(isinstance(extra, msgspec.Meta) for extra in extras):
        return _native(Annotated[(hint, *extras)])
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass(hint, outer)
    if is_image_hint(hint):
        return image_codec()
    if is_pydantic_model(hint):
        return pydantic_codec(hint)
    plain = _PLAIN.get(hint) if _hashable(hint) else None
    return plain or _compound(hint, outer)


def _compound(hint: Any, outer: tuple[type, ...]) -> Codec:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _union(arguments, outer)
    if origin in _LISTS or hint is list:
        return _list(compile_hint(arguments[0] if arguments else Any, outer))
    if origin in _DICTIONARIES or hint is dict:
        return _dictionary(*(compile_hint(each, outer) for each in arguments or (str, Any)))
    if origin is tuple:
        return _tuple(arguments, outer)
    if isinstance(hint, type) and hint.__module__ == "numpy":
        return _numpy_scalar(hint)
    return _native(hint)


def _list(item: Codec) -> Codec:
    def convert(value: Any, path: str) -> Any:
        assert item.convert is not None
        return [item.convert(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return Codec(
        wire=list[item.wire],
        label=f"list[{item.label}]",
        schema={"type": "array", "items": item.schema},
        convert=convert if item.convert is not None else None,
        item=item,
        late=item.late,
    )


def _tuple(arguments: tuple[Any, ...], outer: tuple[type, ...]) -> Codec:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = _list(compile_hint(arguments[0], outer))
        further = inner.convert

        def to_tuple(value: Any, path: str) -> Any:
            return tuple(value if further is None else further(value, path))

        return dataclasses.replace(inner, convert=to_tuple)
    items = [compile_hint(each, outer) for each in arguments]

    def convert(value: Any, path: str) -> Any:
        return tuple(
            each if codec.convert is None else codec.convert(each, f"{path}[{index}]")
            for index, (each, codec) in enumerate(zip(value, items, strict=True))
        )

    return Codec(
        wire=tuple[tuple(item.wire for item in items)],
        label=f"tuple[{', '.join(item.label for item in items)}]",
        schema={
            "type": "array",
            "prefixItems": [item.schema for item in items],
            "minItems": len(items),
            "maxItems": len(items),
        },
        convert=convert if any(item.convert is not None for item in items) else None,
        late=any(item.late for item in items),
    )


def _dictionary(key: Codec, value: Codec) -> Codec:
    if key.convert is not None or key.label not in {"str", "int", "float"}:
        raise TypeError(f"keys of a JSON object are strings: dict[str, {value.label}], not dict[{key.label}, ...]")

    def convert(members: Any, path: str) -> Any:
        assert value.convert is not None
        return {name: value.convert(each, f"{path}[{str(name)[:80]!r}]") for name, each in members.items()}

    return Codec(
        wire=dict[key.wire, value.wire],
        label=f"dict[{key.label}, {value.label}]",
        schema={"type": "object", "additionalProperties": value.schema},
        convert=convert if value.convert is not None else None,
        late=value.late,
    )


def _union(arguments: tuple[Any, ...], outer: tuple[type, ...]) -> Codec:
    codecs = [compile_hint(each, outer) for each in arguments]
    label = " | ".join(codec.label for codec in codecs)
    schema = {"anyOf": [codec.schema for codec in codecs]}
    wire = Union[tuple(codec.wire for codec in codecs)]  # noqa: UP007 - the members are only known now
    converting = [codec for codec in codecs if codec.convert is not None]
    others = [codec for codec in codecs if codec.label != "null"]
    if not converting:
        only = others[0] if len(others) == 1 else Codec(wire=wire, label=label, schema=schema)
        return dataclasses.replace(only, wire=wire, label=label, schema=schema)
    if len(others) > 1:
        raise TypeError(
            f"{label}: a union may hold one array or dataclass and None; use a dataclass with optional fields"
        )
    inner = converting[0]

    def convert(value: Any, path: str) -> Any:
        assert inner.convert is not None
        return None if value is None else inner.convert(value, path)

    return dataclasses.replace(inner, wire=wire, label=label, schema=schema, convert=convert)


def _dataclass(hint: type, outer: tuple[type, ...]) -> Codec:
    if hint in outer:
        raise TypeError(f"{hint.__name__} contains itself; a signature has a fixed depth (or use `Any`)")
    hints = read_hints(hint)
    fields = [each for each in dataclasses.fields(hint) if each.init]
    members: dict[str, Codec] = {}
    for each in fields:
        try:
            members[each.name] = compile_hint(hints[each.name], (*outer, hint))
        except TypeError as error:
            raise TypeError(f"{hint.__name__}.{each.name}: {error}") from error
    required = [each.name for each in fields if not _has_default(each)]
    wire = struct_type(hint.__name__, {each.name: (members[each.name], each.name in required) for each in fields})
    names = tuple((name, codec.convert) for name, codec in members.items())

    def convert(value: Any, path: str) -> Any:
        given: dict[str, Any] = {}
        for name, further in names:
            member = getattr(value, name)
            if member is not msgspec.UNSET:
                given[name] = member if further is None else further(member, f"{path}.{name}")
        try:
            return hint(**given)
        except (ValueError, TypeError) as error:  # __post_init__ checks what the types cannot say
            raise InvalidInputError(f"{path}: {error}") from error

    return Codec(
        wire=wire,
        label=hint.__name__,
        schema=_object_schema(hint.__name__, members, required),
        convert=convert,
        members=members,
        late=any(member.late for member in members.values()),
    )


def struct_type(name: str, members: Mapping[str, tuple[Codec, bool]]) -> Any:
    """A strict object type for the wire: unknown members refused, optional ones `UNSET` when left out."""
    fields: list[Any] = [
        (key, codec.wire) if required else (key, Union[codec.wire, msgspec.UnsetType], msgspec.UNSET)  # noqa: UP007
        for key, (codec, required) in members.items()
    ]
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True)


def _object_schema(title: str, members: Mapping[str, Codec], required: list[str]) -> dict[str, Any]:
    properties = {name: codec.schema for name, codec in members.items()}
    schema: dict[str, Any] = {
        "title": title,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return schema | {"required": required} if required else schema


def _numpy_scalar(hint: Any) -> Codec:
    kinds: dict[str, Any] = {"b": bool, "i": int, "u": int, "f": float, "U": str}
    import_free = getattr(hint, "dtype", None)  # numpy's own scalar types all have it
    try:
        name = hint(0).dtype
    except (TypeError, ValueError):
        name = None
    if import_free is None or name is None or name.kind not in kinds:
        raise TypeError(f"{hint.__name__} has no form in JSON; use bool, int, float or str")
    plain = _PLAIN[kinds[name.kind]]

    def convert(value: Any, path: str) -> Any:
        try:
            return hint(value)
        except (OverflowError, ValueError):
            raise InvalidInputError(f"{path}: {value} does not fit {name}") from None

    return dataclasses.replace(plain, label=str(name), convert=convert)


def _native(hint: Any) -> Codec:
    """What msgspec knows by itself: enums, literals, dates, UUIDs, decimals, typed dictionaries, its own structs."""
    try:
        schema = native_schema(hint)
    except TypeError as error:
        name = getattr(hint, "__name__", str(hint))
        raise TypeError(
            f"'{name}' cannot be read from JSON; use plain types, lists, dictionaries, dataclasses or numpy arrays"
        ) from error
    label = getattr(hint, "__name__", str(hint).replace("typing.", ""))
    return Codec(wire=hint, label=label, schema=schema)


def _has_default(each: "dataclasses.Field[Any]") -> bool:
    return each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING


def _hashable(hint: Any) -> bool:
    try:
        hash(hint)
    except TypeError:
        return False
    return True
