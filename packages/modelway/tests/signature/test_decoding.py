"""Hostile and wrong bodies become errors that name the field; right ones become the hint's own values."""

import datetime as dt
import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelway import Handler, Shape, inference
from modelway.errors import InvalidInputError, InvalidRequestError, ModelwayError
from modelway.signature import Signature, bind, example_of
from modelway.signature.decoding import RequestDecoder


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Box:
    corner: tuple[int, int]
    pixels: Annotated[NDArray[np.uint8], Shape(2, None)]
    label: str | None = None
    tags: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Positive:
    value: float

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError("value must be above 0")


class Everything(Handler):
    @inference
    def image(self, image: Annotated[NDArray[np.float32], Shape(2, 3)], scale: float = 1.0) -> float:
        return float(image.sum()) * scale

    @inference
    def free(self, values: NDArray[np.int16]) -> int:
        return int(values.sum())

    @inference
    def boxes(self, boxes: list[Box]) -> int:
        return len(boxes)

    @inference
    def plain(  # noqa: PLR0917 - one parameter per kind of type
        self,
        number: int,
        share: float,
        colour: Colour,
        kind: Literal["a", "b"],
        day: dt.date,
        by_name: dict[str, list[float]],
        maybe: Positive | None = None,
        *,
        anything: Any = None,
    ) -> None:
        raise NotImplementedError


BOUND = bind(Everything)
DECODERS = {each.name: each.decode for each in BOUND.bindings}


def decode(endpoint: str, body: Any) -> tuple[Any, ...]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DECODERS[endpoint](data)


def refused(endpoint: str, body: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        decode(endpoint, body)
    return str(caught.value)


def test_an_array_has_the_declared_dtype_and_shape() -> None:
    image, scale = decode("image", {"image": [[1, 2, 3], [4, 5, 6.5]]})
    assert (image.dtype, image.shape, scale) == (np.float32, (2, 3), 1.0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"image": [[1, 2], [3, 4], [5, 6]]}, "image: expected shape (2, 3), got (3, 2)"),
        ({"image": [1, 2, 3]}, "image: expected shape (2, 3), got (3,)"),
        ({"image": [[[1]]]}, "image: expected shape (2, 3), got (1, 1, 1)"),
        ({"image": [[1, 2, 3], [1, 2]]}, "image: expected shape (2, 3), got rows of different lengths"),
        ({"image": [[1, 2, 3], 4]}, "image: expected shape (2, 3), got rows of different lengths"),
        ({"image": [[1, 2, "x"], [1, 2, 3]]}, "image[0][2]: expected float, got str"),
        ({"image": [[1, 2, None], [1, 2, 3]]}, "image[0][2]: expected float, got null"),
        ({"image": [[1, 2, True], [1, 2, 3]]}, "image[0][2]: expected float, got bool"),
        ({"image": "x"}, "image: expected array, got str"),
        ({"image": [[1e39, 2, 3], [1, 2, 3]]}, "image: a value does not fit float32"),
        ({"imag": [[1]]}, "imag: unknown field"),
        ({}, "image: missing"),
        ([], "the body: expected object, got array"),
        ({"image": [[1, 2, 3]] * 2, "scale": "x"}, "scale: expected float, got str"),
    ],
)
def test_what_is_wrong_with_an_array_is_said_by_field(body: Any, message: str) -> None:
    assert refused("image", body) == message


def test_an_unknown_field_close_to_a_known_one_is_guessed() -> None:
    with pytest.raises(InvalidInputError) as caught:
        decode("image", {"imgae": []})
    assert caught.value.hint == "did you mean 'image'?"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.5], "values: expected int16, got float"),
        (["1"], "values: expected int16, got str"),
        ([True], "values: expected int16, got bool"),
        ([70000], "values: a value does not fit int16"),
        ([2**70], "values: expected int16, got mixed values"),
        ([None], "values: expected int16, got mixed values"),
        ([[1], [2, 3]], "values: expected an array, got rows of different lengths"),
        ({"a": 1}, "values: expected int16, got mixed values"),
    ],
)
def test_an_array_without_a_shape_is_checked_as_strictly(values: Any, message: str) -> None:
    assert refused("free", {"values": values}) == message


@pytest.mark.parametrize("values", [5, [], [1, 2], [[1], [2]], [[]]])
def test_an_array_without_a_shape_may_have_any(values: Any) -> None:
    (array,) = decode("free", {"values": values})
    assert array.dtype == np.int16
    assert array.tolist() == values


def test_dataclasses_hold_arrays_and_defaults_and_are_strict_inside() -> None:
    (boxes,) = decode("boxes", {"boxes": [{"corner": [1, 2], "pixels": [[1, 2], [3, 4]], "label": "x"}]})
    assert (boxes[0].corner, boxes[0].label, boxes[0].tags, boxes[0].pixels.dtype) == ((1, 2), "x", [], np.uint8)
    good = {"corner": [1, 2], "pixels": [[1], [2]]}
    assert refused("boxes", {"boxes": [good, {**good, "pixels": [[1]]}]}) == (
        "boxes[1].pixels: expected shape (2, any), got (1, 1)"
    )
    assert (
        refused("boxes", {"boxes": [{**good, "pixels": [[1], [256]]}]}) == "boxes[0].pixels: a value does not fit uint8"
    )
    assert refused("boxes", {"boxes": [{**good, "extra": 1}]}) == "boxes[0].extra: unknown field"
    assert refused("boxes", {"boxes": [{"corner": [1, 2]}]}) == "boxes[0].pixels: missing"
    assert refused("boxes", {"boxes": [{**good, "corner": [1]}]}).startswith(
        "boxes[0].corner: expected array of length 2"
    )


PLAIN = {"number": 1, "share": 0.5, "colour": "red", "kind": "a", "day": "2026-01-02", "by_name": {"x": [1]}}


def test_plain_types_arrive_as_themselves() -> None:
    number, share, colour, kind, day, by_name, maybe, anything = decode("plain", PLAIN)
    assert (number, share, colour, kind, day) == (1, 0.5, Colour.RED, "a", dt.date(2026, 1, 2))
    assert (by_name, maybe, anything) == ({"x": [1.0]}, None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": 10**30}, "number: expected int <= 9223372036854775807"),
        ({"number": 1.5}, "number: expected int, got float"),
        ({"number": True}, "number: expected int, got bool"),
        ({"colour": "green"}, "colour: invalid enum value 'green'"),
        ({"kind": "c"}, "kind: invalid enum value 'c'"),
        ({"day": "yesterday"}, "day: invalid RFC3339 encoded date"),
        ({"by_name": {"x": ["y"]}}, "by_name[...][0]: expected float, got str"),
        ({"maybe": {"value": -1}}, "maybe: value must be above 0"),
        ({"maybe": 3}, "maybe: expected object | null, got int"),
    ],
)
def test_wrong_plain_values_are_named(change: Any, message: str) -> None:
    assert refused("plain", {**PLAIN, **change}) == message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"values": NaN}',
        b'{"values": Infinity}',
        b'{"values": [01]}',
        b'{"values": "\xff"}',
        b'{"values": "\\ud800"}',
        b'{"values": ' + b"[" * 100_000,
        b"\x00",
        b"{'values': 1}",
        b'{"values": 1} x',
    ],
)
def test_what_is_not_json_is_a_400(body: bytes) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decode("free", body)
    assert caught.value.http == 400
    assert caught.value.error_code == "invalid_json"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    value=JSON_VALUES, endpoint=st.sampled_from(sorted(DECODERS)), name=st.sampled_from(["image", "values", "boxes"])
)
def test_any_json_is_decoded_or_refused_as_the_callers_fault(value: Any, endpoint: str, name: str) -> None:
    try:
        decode(endpoint, {name: value})
    except ModelwayError as error:
        assert error.http in {400, 422}  # noqa: PT017 - both ends are right


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60) | st.binary(max_size=30).map(lambda data: b'{"values": ' + data + b"}"))
def test_any_octets_are_decoded_or_refused_as_the_callers_fault(body: bytes) -> None:
    try:
        decode("free", body)
    except ModelwayError as error:
        assert error.http in {400, 422}  # noqa: PT017 - both ends are right


def _elements(dtype: Any) -> st.SearchStrategy[Any]:
    match np.dtype(dtype).kind:
        case "b":
            return st.booleans()
        case "f":
            return st.floats(width=32 if dtype is np.float32 else 64, allow_nan=False, allow_infinity=False)
        case _:
            return st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


@settings(max_examples=100, deadline=None)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    dtype=st.sampled_from([np.float32, np.float64, np.int8, np.uint16, np.int64, np.bool_]),
    declared=st.booleans(),
    data=st.data(),
)
def test_an_array_survives_the_way_through_json(shape: list[int], dtype: Any, *, declared: bool, data: Any) -> None:
    count = int(np.prod(shape))
    element = _elements(dtype)
    values = data.draw(st.lists(element, min_size=count, max_size=count))
    array = np.array(values, dtype=dtype).reshape(shape)
    axes = range(len(shape)) if 0 not in shape else ()
    hint = Annotated[NDArray[dtype], Shape(*(shape[axis] for axis in axes))] if declared and axes else NDArray[dtype]

    class Echo(Handler):
        @inference  # pyright: ignore[reportUnknownArgumentType]
        def echo(self, value: hint) -> None: ...  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]

    (decoded,) = bind(Echo).bindings[0].decode(msgspec.json.encode({"value": array.tolist()}))
    assert decoded.dtype == dtype
    assert decoded.shape == np.array(array.tolist()).shape
    assert np.array_equal(decoded, array.reshape(decoded.shape))


def test_the_signature_survives_the_way_through_json() -> None:
    signature = BOUND.signature
    again = Signature.from_json(msgspec.json.decode(msgspec.json.encode(signature.to_json())))
    assert again.to_json() == signature.to_json()
    image = again.endpoint("image")
    assert (image.inputs[0].dtype, image.inputs[0].shape, image.inputs[0].label) == ("float32", (2, 3), "float32[2, 3]")
    assert [each.required for each in image.inputs] == [True, False]


@pytest.mark.parametrize("endpoint", sorted(DECODERS))
def test_the_example_of_a_schema_is_accepted(endpoint: str) -> None:
    described = BOUND.signature.endpoint(endpoint)
    assert decode(endpoint, {each.name: example_of(each.schema) for each in described.inputs if each.required})


def test_a_decoder_with_defaults_only_takes_an_empty_body() -> None:
    assert RequestDecoder("none", {}, {})(b"") == ()
