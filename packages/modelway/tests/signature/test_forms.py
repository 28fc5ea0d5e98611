"""Bodies that are one value, forms, images and pydantic models: the same arguments, the same errors."""

import base64
import datetime as dt
import io
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from modelway import Handler, Shape, inference, postprocess, preprocess
from modelway.errors import InvalidInputError, ModelwayError
from modelway.signature import bind, signature_of
from modelway.testing import Client, call


def png(width: int = 3, height: int = 2, colour: tuple[int, int, int] = (255, 0, 0)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def form(*parts: tuple[str, bytes, str, str]) -> tuple[bytes, str]:
    """A form of (name, data, media, filename); the last two may be empty."""
    lines: list[bytes] = []
    for name, data, media, filename in parts:
        head = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        kind = f"\r\nContent-Type: {media}" if media else ""
        lines.append(f"--xyz\r\n{head}{kind}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(lines) + b"--xyz--\r\n", "multipart/form-data; boundary=xyz"


class Pictures(Handler):
    @inference
    def size(self, picture: Image.Image, scale: int = 1, note: str | None = None) -> dict[str, Any]:
        return {"size": [picture.width * scale, picture.height * scale], "note": note}

    @inference
    def half(self, picture: Image.Image) -> Image.Image:
        return picture.resize((picture.width // 2, picture.height // 2))

    @inference(max_batch_size=4)
    def widths(self, pictures: list[Image.Image]) -> list[int]:
        return [each.width for each in pictures]

    @inference
    async def later(self, picture: Image.Image) -> int:
        return picture.width

    @inference
    def several(self, pictures: list[Image.Image], names: list[str]) -> dict[str, int]:
        return {name: each.width for name, each in zip(names, pictures, strict=True)}


@pytest.fixture
def pictures() -> Client:
    return Client(Pictures)


@pytest.mark.parametrize("endpoint", ["size", "widths", "later"])
def test_an_image_comes_as_base64_as_a_body_and_in_a_form(pictures: Client, endpoint: str) -> None:
    field = "pictures" if endpoint == "widths" else "picture"
    body, kind = form((field, png(), "image/png", "a.png"))
    as_json = pictures.call(endpoint, {field: base64.b64encode(png()).decode()})
    assert pictures.call(endpoint, png(), content_type="image/png") == as_json
    assert pictures.call(endpoint, png(), content_type="application/octet-stream") == as_json
    assert pictures.call(endpoint, body, content_type=kind) == as_json


def test_fields_beside_a_raw_body_stand_in_the_query(pictures: Client) -> None:
    answer = pictures.call("size", png(), content_type="image/png", query="scale=2&note=a%20word")
    assert answer == {"size": [6, 4], "note": "a word"}


def test_fields_of_a_form_are_text_json_or_repeated(pictures: Client) -> None:
    body, kind = form(("picture", png(), "image/png", "a.png"), ("scale", b"3", "", ""), ("note", b"null", "", ""))
    assert pictures.call("size", body, content_type=kind) == {"size": [9, 6], "note": "null"}
    body, kind = form(
        ("pictures", png(5), "image/png", "a.png"),
        ("pictures", png(7), "", "b.png"),
        ("names", b"one", "", ""),
        ("names", b"two", "text/plain", ""),
    )
    assert pictures.call("several", body, content_type=kind) == {"one": 5, "two": 7}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "picture: not an image"),
        (b"GIF89a", "picture: not an image"),
        (png()[:-30], "picture: a damaged image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture: not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "picture: not an image"),
    ],
)
def test_what_is_no_image_is_the_callers_error(pictures: Client, body: bytes, message: str) -> None:
    for endpoint in ("size", "later"):
        with pytest.raises(InvalidInputError) as caught:
            pictures.call(endpoint, body, content_type="image/png")
        assert caught.value.message.startswith(message)


@pytest.mark.parametrize("length", [9_000, 10_000, 20_000])
def test_an_image_that_claims_to_be_huge_is_not_decompressed(pictures: Client, length: int) -> None:
    out = io.BytesIO()
    Image.new("1", (length, length)).save(out, "PNG")
    assert len(out.getvalue()) < 100_000
    with pytest.raises(InvalidInputError, match="picture: more than 67108864 pixels"):
        pictures.call("size", out.getvalue(), content_type="image/png")


def test_one_bad_image_of_a_batch_fails_alone(pictures: Client) -> None:
    good = {"pictures": base64.b64encode(png()).decode()}
    answers = pictures.call_many("widths", [good, {"pictures": "AAAA"}, good])
    assert [answers[0], answers[2]] == [3, 3]
    assert isinstance(answers[1], InvalidInputError)


def test_an_image_is_answered_as_png(pictures: Client) -> None:
    answer = pictures.call("half", png(8, 6), content_type="image/png")
    assert Image.open(io.BytesIO(base64.b64decode(answer))).size == (4, 3)


class Others(Handler):
    @inference
    def length(self, data: bytes) -> int:
        return len(data)

    @inference
    def shout(self, text: str, times: int = 1) -> str:
        return text.upper() * times

    @preprocess("mean")
    def mean_in(self, row: Annotated[NDArray[np.float32], Shape(4)]) -> NDArray[np.float32]:
        return row

    @inference(max_batch_size=8, endpoint="mean")
    def mean(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return rows.mean(axis=1)

    @postprocess("mean")
    def mean_out(self, value: np.float32) -> float:
        return float(value)

    @inference
    def rows(self, table: Annotated[NDArray[np.int16], Shape(None, 2)]) -> list[int]:
        table[0, 0] += 1  # stages may write
        return [int(each) for each in table.sum(axis=1)]

    @inference
    def two(self, left: bytes, right: bytes) -> int:
        return len(left) - len(right)


@pytest.fixture
def others() -> Client:
    return Client(Others)


def test_octets_text_and_arrays_may_be_the_body(others: Client) -> None:
    octets = "application/octet-stream"
    assert others.call("length", bytes(range(256)), content_type=octets) == 256
    assert others.call("shout", "grüße".encode("latin-1"), content_type="text/plain; charset=latin-1") == "GRÜSSE"
    assert others.call("shout", b"a", content_type="text/plain", query="times=3") == "AAA"
    assert others.call("mean", np.arange(4, dtype="<f4").tobytes(), content_type=octets) == 1.5
    assert others.call("rows", np.arange(6, dtype="<i2").tobytes(), content_type=octets) == [2, 5, 9]


@pytest.mark.parametrize(
    ("endpoint", "body", "kind", "more"),
    [
        ("mean", b"123", "application/octet-stream", ("", "row: expected 16 octets of float32, got 3")),
        ("rows", b"123", "application/octet-stream", ("", "table: expected a multiple of 4 octets of int16, got 3")),
        ("rows", b"", "application/octet-stream", ("", "table: expected a multiple of 4 octets of int16, got 0")),
        ("shout", b"\xff", "text/plain", ("", "text: not text in 'utf-8'")),
        ("shout", b"a", "text/plain; charset=klingon", ("", "text: not text in 'klingon'")),
        ("shout", b"a", "text/plain", ("times=x", "times: expected int, got str")),
        ("shout", b"a", "text/plain", ("time=2", "time: unknown field")),
        ("shout", b"a", "text/plain", ("times=1&times=2", "times: given 2 times")),
        ("shout", b"a", "text/plain", ("text=b", "text: stands in the query and is the body, too")),
        ("shout", b"a", "text/plain", ("times", "the query cannot be read")),
        ("two", *form(("left", b"ab", "", "x")), ("", "right: missing")),
        (
            "two",
            *form(("left", b"a", "", "x"), ("left", b"a", "", "y"), ("right", b"", "", "z")),
            ("", "left: given 2"),
        ),
    ],
)
def test_wrong_bodies_name_the_field(
    others: Client, endpoint: str, body: bytes, kind: str, more: tuple[str, str]
) -> None:
    query, message = more
    with pytest.raises(ModelwayError) as caught:
        others.call(endpoint, body, content_type=kind, query=query)
    assert caught.value.http in {400, 422}
    assert caught.value.message.startswith(message)


BOMB = b"--xyz\r\nContent-Disposition: form-data; name=data\r\n\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary="),
        (b"--" + b"b" * 71 + b"--", f"multipart/form-data; boundary={'b' * 71}"),
        (b"", "multipart/form-data; boundary=xyz"),
        (b"hello", "multipart/form-data; boundary=xyz"),
        (b"--xyz\r\n\r\n\r\n--xyz--", "multipart/form-data; boundary=xyz"),
        (form(("data", b"a", "", "x"))[0][:-6], "multipart/form-data; boundary=xyz"),
        (b"--xyz\r\nContent-Disposition: form-data\r\n\r\na\r\n--xyz--", "multipart/form-data; boundary=xyz"),
        (b"--xyz\r\nX: " + b"a" * 9000 + b"\r\n\r\na\r\n--xyz--", "multipart/form-data; boundary=xyz"),
        (BOMB * 2000 + b"--xyz--", "multipart/form-data; boundary=xyz"),
    ],
)
def test_a_damaged_form_is_refused(others: Client, body: bytes, kind: str) -> None:
    with pytest.raises(ModelwayError) as caught:
        others.call("length", body, content_type=kind)
    assert caught.value.error_code == "invalid_form"


def test_an_endless_boundary_costs_no_time(others: Client) -> None:  # CVE-2024-9056
    with pytest.raises(InvalidInputError, match="data: missing"):
        others.call("length", b"--" + b"-" * 10_000_000, content_type="multipart/form-data; boundary=" + "-" * 70)


def test_an_endpoint_of_two_values_takes_no_raw_body(others: Client) -> None:
    assert others.signature.endpoint("two").raw_field == ""
    assert others.signature.endpoint("shout").raw_field == "text"
    with pytest.raises(ModelwayError) as caught:
        others.call("two", b"abc", content_type="application/octet-stream")
    assert caught.value.error_code == "invalid_json"


class Point(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    x: float = Field(ge=0)
    on: dt.date | None = None


class Cloud(BaseModel):
    points: list[Point]


class Models(Handler):
    @inference
    def first(self, cloud: Cloud) -> Point:
        return cloud.points[0]

    @inference(max_batch_size=4)
    def many(self, points: list[Point]) -> list[Point | None]:
        return [each if each.x else None for each in points]


def test_pydantic_models_come_and_go() -> None:
    assert call(Models, "first", {"cloud": {"points": [{"x": 1.5, "on": "2026-01-02"}]}}) == {
        "x": 1.5,
        "on": "2026-01-02",
    }
    with Client(Models) as client:
        assert client.call_many("many", [{"points": {"x": 1.0}}, {"points": {"x": 0.0}}]) == [
            {"x": 1, "on": None},
            None,
        ]


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        ({"points": [{"x": -1.0}]}, "cloud.points[0].x: Input should be greater than or equal to 0"),
        ({"points": [{"x": "1"}]}, "cloud.points[0].x: Input should be a valid number"),
        ({"points": [{"x": 1.0, "y": 1}]}, "cloud.points[0].y: Extra inputs are not permitted"),
        ({}, "cloud.points: Field required"),
        ([], "cloud: expected object, got array"),
    ],
)
def test_a_model_that_does_not_fit_is_the_callers_error(cloud: Any, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        call(Models, "first", {"cloud": cloud})
    assert caught.value.message == message


def test_the_signature_describes_models_and_images() -> None:
    cloud = signature_of(Models).endpoint("first").inputs[0]
    assert cloud.schema["properties"]["points"]["items"]["properties"]["x"] == {
        "minimum": 0,
        "title": "X",
        "type": "number",
    }
    picture = signature_of(Pictures).endpoint("size").inputs[0]
    assert (picture.label, picture.media) == ("image", ("image/*", "application/octet-stream"))
    assert [each.late for each in bind(Pictures).bindings] == [True] * 5


def test_a_model_that_contains_itself_is_refused() -> None:
    class Tree(BaseModel):
        children: list["Tree"] = []

    class Recursive(Handler):
        @inference
        def predict(self, tree: Tree) -> int:
            return 1

    with pytest.raises(ModelwayError, match="contains itself"):
        bind(Recursive)
