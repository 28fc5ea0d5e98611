"""JSON schemas of a signature as Python annotations, with a class for every kind of object in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from modelway.client.generator.names import class_name
from modelway.signature.values import Field

Arrays = Literal["numpy", "lists"]
ANY = "Any"
_PLAIN = {"boolean": "bool", "integer": "int", "number": "float", "string": "str", "null": "None"}
_FORMATS = {
    "date-time": "datetime.datetime",
    "date": "datetime.date",
    "time": "datetime.time",
    "duration": "datetime.timedelta",
    "uuid": "uuid.UUID",
    "decimal": "decimal.Decimal",
}
_NUMPY = {"bool": "np.bool_", "str": "np.str_"}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its name on the wire, its annotation, whether it is always there."""

    wire: str
    annotation: str
    required: bool


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A class of the generated package."""

    name: str
    members: tuple[Member, ...]


@dataclass(slots=True)
class Types:
    """Annotations that were asked for so far, and the classes they need.

    Args:
        arrays: What arrays are in Python.
    """

    arrays: Arrays
    classes: dict[str, ObjectType] = field(default_factory=dict[str, ObjectType])

    def of_answer(self, value: Field, name: str) -> str:
        """The annotation of an output; `name` is for a class that has none of its own."""
        return self._of_field(value, name, arrive=True)

    def of_input(self, value: Field, name: str) -> str:
        """The annotation of an argument, which may be more than what arrives: any array, any sequence, an image."""
        nothing = _or_none(value.schema)
        if _is_image(value.schema):
            return f"bytes | Image{nothing}"
        if _is_array(value):
            return f"npt.ArrayLike{nothing}" if self.arrays == "numpy" else _nested("Sequence", value) + nothing
        annotation = self._of_field(value, name, arrive=False)
        return f"Sequence[{annotation[5:]}" if annotation.startswith("list[") else annotation

    def _of_field(self, value: Field, name: str, *, arrive: bool) -> str:
        if _is_array(value):
            return self._array(value) + _or_none(value.schema)
        if value.members and value.schema.get("type") == "object":
            members = [
                # A server writes every member of a dataclass; a caller may leave out those with a default.
                Member(each.name, self._of_field(each, f"{name} {each.name}", arrive=arrive), arrive or each.required)
                for each in value.members
            ]
            return self._class(value.schema, name, members, arrive=arrive)
        return self.of_schema(value.schema, name, arrive=arrive)

    def _array(self, value: Field) -> str:
        if self.arrays == "numpy":
            scalar = _NUMPY.get(value.dtype, f"np.{value.dtype}") if value.dtype else "Any"
            return f"npt.NDArray[{scalar}]"
        return _nested("list", value)

    def of_schema(self, schema: Mapping[str, Any], name: str, *, arrive: bool) -> str:
        """The annotation of whatever fits a schema; `Any` where Python's types cannot say it."""
        if "enum" in schema or "const" in schema:
            return _literal(schema["enum"] if "enum" in schema else [schema["const"]])
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return _union([self.of_schema(each, name, arrive=arrive) for each in schema[several]])
        kind = schema.get("type")
        if isinstance(kind, list):
            return _union(
                [self.of_schema({**schema, "type": each}, name, arrive=arrive) for each in cast("list[str]", kind)]
            )
        if kind == "object":
            return self._object(schema, name, arrive=arrive)
        return self._list(schema, name, arrive=arrive) if kind == "array" else _scalar(schema)

    def _list(self, schema: Mapping[str, Any], name: str, *, arrive: bool) -> str:
        if "prefixItems" in schema:
            items = [
                self.of_schema(each, f"{name} {number}", arrive=arrive)
                for number, each in enumerate(schema["prefixItems"], 1)
            ]
            return f"tuple[{', '.join(items)}]" if items else "tuple[()]"
        return f"list[{self.of_schema(schema.get('items', {}), f'{name} item', arrive=arrive)}]"

    def _object(self, schema: Mapping[str, Any], name: str, *, arrive: bool) -> str:
        properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
        if not properties or not all(map(_can_be_renamed, properties)):
            values = schema.get("additionalProperties")
            inner = (
                self.of_schema(cast("Mapping[str, Any]", values), f"{name} value", arrive=arrive)
                if isinstance(values, dict)
                else ANY
            )
            return f"dict[str, {inner}]"
        # A server writes every member of a dataclass, which takes no others; of other objects some may be missing.
        whole = arrive and schema.get("additionalProperties") is False
        needed = properties if whole else schema.get("required", ())
        members = [
            Member(key, self.of_schema(each, f"{name} {key}", arrive=arrive), key in needed)
            for key, each in properties.items()
        ]
        return self._class(schema, name, members, arrive=arrive)

    def _class(self, schema: Mapping[str, Any], name: str, members: Sequence[Member], *, arrive: bool) -> str:
        wanted = class_name(str(schema.get("title") or name))
        same = tuple(members)
        unique, number = wanted, 2
        if arrive and self._is_other(unique, same):
            wanted = unique = f"{wanted}Answer"
        while self._is_other(unique, same):
            unique, number = f"{wanted}{number}", number + 1
        self.classes[unique] = ObjectType(unique, same)
        return unique

    def _is_other(self, name: str, members: tuple[Member, ...]) -> bool:
        """Whether a class of this name is there already, and is another one."""
        return name in self.classes and self.classes[name].members != members


def _can_be_renamed(wire: str) -> bool:
    """Whether msgspec can have it as the wire's name of a member; an object with any other stays a dictionary."""
    return not any(each in '"\\' or each < " " for each in wire)


def _or_none(schema: Mapping[str, Any]) -> str:
    return " | None" if any(each.get("type") == "null" for each in schema.get("anyOf", ())) else ""


def _scalar(schema: Mapping[str, Any]) -> str:
    if schema.get("contentEncoding") == "base64":
        return "bytes"
    plain = _PLAIN.get(str(schema.get("type")), ANY)
    return _FORMATS.get(str(schema.get("format")), plain) if plain == "str" else plain


def _is_array(value: Field) -> bool:
    kind = value.schema.get("type")
    return bool(value.dtype) or value.shape is not None or (isinstance(kind, list | tuple) and "array" in kind)


def _is_image(schema: Mapping[str, Any]) -> bool:
    if "anyOf" in schema:
        return any(_is_image(each) for each in schema["anyOf"])
    return str(schema.get("contentMediaType", "")).startswith("image/")


def _nested(kind: str, value: Field) -> str:
    element = {"b": "bool", "s": "str", "f": "float"}.get(value.dtype[:1], "int") if value.dtype else ANY
    if value.shape is None:
        return ANY
    for _ in value.shape:
        element = f"{kind}[{element}]"
    return element


def _literal(values: Sequence[Any]) -> str:
    if not all(value is None or isinstance(value, str | int) for value in values):
        return ANY
    plain = [value for value in values if value is not None]
    texts = ["None"] * (len(plain) < len(values))
    return " | ".join([*([f"Literal[{', '.join(map(repr, plain))}]"] if plain else []), *texts])


def _union(annotations: Sequence[str]) -> str:
    """One of several, as far as they can be told apart when they arrive."""
    unique = list(dict.fromkeys(annotations))
    if ANY in unique:
        return ANY
    kinds = [_kind(each) for each in unique]
    return " | ".join(unique) if len(set(kinds)) == len(kinds) else ANY


def _kind(annotation: str) -> str:
    """What it is on the wire."""
    if annotation in {"None", "bool", "int", "float"}:
        return annotation
    if annotation.startswith(("list[", "tuple[", "npt.")):
        return "array"
    if annotation in {"str", "bytes", *_FORMATS.values()} or annotation.startswith("Literal['"):
        return "string"
    return "int" if annotation.startswith("Literal[") else "object"
