"""Comparators: what counts as the same answer, how far apart two are, and what is said of it."""

import gzip
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.domain.agreement.answer_values import MAX_UNPACKED_BYTES, Answer
from modelway_platform.domain.agreement.compare_answers import Agreement, compare_answers
from modelway_platform.domain.parsing.json_place import parse_place, place_text, values_at
from modelway_platform.domain.routing.mirroring.mirrors import Comparator, Tolerance

EXACT = Comparator(kind="exact")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def answer(value: Any, status: int = 200) -> Answer:
    return Answer(status=status, media_type="application/json", body=json.dumps(value).encode())


def compare(comparator: Comparator, mine: Any, other: Any) -> Agreement:
    return compare_answers(comparator, answer(mine), answer(other))


@given(JSON)
def test_an_answer_agrees_with_itself(value: Any) -> None:
    for comparator in (EXACT, Comparator(kind="numeric"), Comparator(kind="label")):
        found = compare(comparator, value, value)
        assert found.agree or (comparator.kind == "label" and "NaN" in json.dumps(value))


@given(JSON, JSON)
def test_comparing_never_fails_and_is_the_same_both_ways(mine: Any, other: Any) -> None:
    for comparator in (
        EXACT,
        Comparator(kind="numeric", absolute=0.1, relative=0.1, tolerances=(Tolerance(place="$[*]"),)),
        Comparator(kind="top-k", scores=True),
        Comparator(kind="top-k", at="$[*]"),
        Comparator(kind="label", at="$.a"),
        Comparator(kind="label", scores=True),
    ):
        there, back = compare(comparator, mine, other), compare(comparator, other, mine)
        assert there.score is None or 0 <= there.score <= 1
        assert (there.score == 1) >= (there.agree is True)
        if comparator.kind in {"exact", "numeric"}:
            assert there.agree == back.agree


@pytest.mark.parametrize(
    ("mine", "other", "why"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1.0, 2], "a": 1}, ""),
        (True, 1, "$ is a number instead of a boolean"),
        ([1, 2], [1, 2, 3], "$ has 3 elements instead of 2"),
        ({"a": 1}, {"b": 1}, "$.a is missing; 1 more"),
        ({"a b": "x"}, {"a b": "y"}, '$["a b"] differs'),
        ({"a": None}, {"a": 0}, "$.a is a number instead of null"),
        (2**70, 2**70 + 1, "$ differs"),
        ([0.1], [0.1 + 1e-15], "$[0] differs"),
    ],
)
def test_exact(mine: Any, other: Any, why: str) -> None:
    found = compare(EXACT, mine, other)
    assert (found.agree, found.why) == (not why, why)


def test_what_is_ignored() -> None:
    comparator = Comparator(kind="exact", ignore=("$.took", "$.items[*].id"))
    mine = {"took": 1, "items": [{"id": 1, "v": 2}, {"id": 2, "v": 3}]}
    assert compare(comparator, mine, {"took": 9, "items": [{"id": 3, "v": 2}, {"v": 3}]}).agree
    assert compare(comparator, mine, {"items": [{"id": 3, "v": 2}, {"id": 4, "v": 4}]}).why == "$.items[1].v differs"


def test_numbers_within_bounds() -> None:
    comparator = Comparator(
        kind="numeric", absolute=0.01, relative=0.001, tolerances=(Tolerance(place="$.loose", absolute=5),)
    )
    mine = {"scores": [0.5, 1000.0, 0.0], "loose": {"a": 1}, "name": "x"}
    assert compare(comparator, mine, {"scores": [0.505, 1000.9, 0.009], "loose": {"a": 5}, "name": "x"}).agree
    found = compare(comparator, mine, {"scores": [0.6, 1002.0, 0.0], "loose": {"a": 7}, "name": "x"})
    assert (found.agree, found.score) == (False, pytest.approx(2 / 5))
    assert found.why == "$.scores[0] differs by 0.1, 0.01 allowed; 2 more"
    assert "x" not in compare(comparator, mine, {**mine, "name": "secret"}).why.removeprefix("$.name differs")


def test_values_are_shown_only_where_asked() -> None:
    shown = Comparator(kind="exact", show_values=True)
    assert compare(shown, {"name": "ann"}, {"name": "bob"}).why == "$.name differs: 'bob' instead of 'ann'"
    assert "ann" not in compare(EXACT, {"name": "ann"}, {"name": "bob"}).why
    assert compare(Comparator(kind="label", show_values=True), "cat", "dog").why == (
        "$: another label: 'dog' instead of 'cat'"
    )


def test_numbers_that_are_none_or_too_large() -> None:
    comparator = Comparator(kind="numeric", relative=0.1)
    assert compare(comparator, [float("nan")], [float("nan")]).agree
    assert compare(comparator, [float("nan")], [1.0]).agree is False
    assert compare(comparator, [float("inf")], [1e300]).agree is False
    assert compare(comparator, [10**400], [1.0]).agree is False


@pytest.mark.parametrize(
    ("comparator", "mine", "other", "score"),
    [
        (Comparator(kind="top-k", k=3), list("abcd"), list("bax"), 2 / 3),
        (Comparator(kind="top-k", k=2, scores=True), [0.1, 0.9, 0.5], [0.6, 0.9, 0.5], 1 / 2),
        (Comparator(kind="top-k", k=2), {"cat": 0.9, "dog": 0.5, "cow": 0.1}, {"dog": 0.9, "cat": 0.8}, 1.0),
        (Comparator(kind="top-k", k=1, at="$[*].best"), [{"best": ["a"]}, {"best": ["b"]}], [{"best": ["a"]}] * 2, 0.5),
        (Comparator(kind="label", at="$.label"), {"label": "cat", "p": 1}, {"label": "cat", "p": 2}, 1.0),
        (Comparator(kind="label", scores=True), [0.1, 0.9], [0.8, 0.9], 1.0),
        (Comparator(kind="label", scores=True), {"a": 2, "b": 1}, {"a": 1, "b": 2}, 0.0),
        (Comparator(kind="label"), 1, True, 0.0),
    ],
)
def test_ranks_and_labels(comparator: Comparator, mine: Any, other: Any, score: float) -> None:
    found = compare(comparator, mine, other)
    assert found.score == pytest.approx(score)
    assert found.agree is (score == 1)


def test_enough_overlap_agrees() -> None:
    assert compare(Comparator(kind="top-k", k=3, minimum=0.6), list("abc"), list("abx")).agree


def test_a_place_where_nothing_is() -> None:
    label = Comparator(kind="label", at="$.label")
    assert compare(label, {}, {"label": 1}) == Agreement(agree=None, why="the primary has nothing at $.label")
    assert compare(label, {"label": 1}, {}) == Agreement(
        agree=False, score=0.0, why="$.label is there 0 times instead of 1"
    )


def test_statuses() -> None:
    assert compare_answers(EXACT, answer(1), answer(1, 500)).why == "status 500 instead of 200"
    assert compare_answers(EXACT, answer({"id": 1}, 422), answer({"id": 2}, 422)).agree


def test_bodies_that_are_no_json() -> None:
    def octets(body: bytes) -> Answer:
        return Answer(status=200, media_type="application/octet-stream", body=body)

    assert compare_answers(EXACT, octets(b"\x00\xff"), octets(b"\x00\xff")).agree
    assert compare_answers(EXACT, octets(b"\x00\xff"), octets(b"\x00\xfe")).why == "$ differs from byte 1 on"
    assert compare_answers(EXACT, octets(b"{}"), answer({})).agree is False
    broken = Answer(status=200, media_type="application/json", body=b"{")
    assert compare_answers(EXACT, broken, answer(1)).agree is None
    assert compare_answers(EXACT, answer(1), broken).why == "the mirror gave an answer that is no application/json"
    deep = Answer(status=200, media_type="application/json", body=b"[" * 100_000 + b"]" * 100_000)
    assert compare_answers(EXACT, deep, deep).agree is None


def test_compressed_answers() -> None:
    def packed(body: bytes, encoding: str = "gzip") -> Answer:
        return Answer(status=200, media_type="application/json", encoding=encoding, body=body)

    assert compare_answers(EXACT, answer([1]), packed(gzip.compress(b"[1]"))).agree
    bomb = packed(gzip.compress(b" " * (MAX_UNPACKED_BYTES + 1)))
    assert (
        compare_answers(EXACT, answer([1]), bomb).why == "the mirror gave a compressed answer that is cut or too large"
    )
    assert compare_answers(EXACT, answer([1]), packed(b"[1]")).why == "the mirror gave an answer that is no gzip"
    assert compare_answers(EXACT, packed(b"[1]", "br"), answer([1])).agree is None


def tensors(*numbers: float, name: str = "y", lie: int = 0) -> Answer:
    data = struct.pack(f"<{len(numbers)}f", *numbers)
    output = {
        "name": name,
        "datatype": "FP32",
        "shape": [len(numbers)],
        "parameters": {"binary_data_size": len(data) + lie},
    }
    head = json.dumps({"outputs": [output]}).encode()
    return Answer(status=200, media_type="application/octet-stream", body=head + data, json_bytes=len(head))


def test_binary_tensors() -> None:
    assert compare_answers(EXACT, tensors(1, 2), tensors(1, 2)).agree
    assert compare_answers(EXACT, tensors(1, 2), tensors(1, 3)).why == "$.outputs[0].data[1] differs"
    near = Comparator(kind="numeric", absolute=0.1)
    assert compare_answers(near, tensors(1, 2), tensors(1.05, 2)).agree
    label = Comparator(kind="label", at="$.outputs[0].data", scores=True)
    assert compare_answers(label, tensors(1, 2), tensors(0, 9)).agree
    assert compare_answers(EXACT, tensors(1), tensors(1, lie=4)).agree is False
    assert compare_answers(EXACT, tensors(1, lie=-4), tensors(1)).agree is None


def test_custom_comparators() -> None:
    comparator = Comparator(kind="custom", name="iou", minimum=0.5, options=(("weight", "2"),))

    def gives(score: float) -> Agreement:
        return compare_answers(comparator, answer(1), answer(2), lambda _mine, _other, options: score if options else 0)

    assert gives(0.75) == Agreement(agree=True, score=0.75)
    assert gives(0.25) == Agreement(agree=False, score=0.25, why="iou gives 0.25")
    assert gives(7).agree is None
    assert compare_answers(comparator, answer(1), answer(1)).why == "there is no comparator iou"


@pytest.mark.parametrize("text", ["$", "$.a.b-c", '$["a b"][0][*].x', '$["\\u00e9\\""]'])
def test_places(text: str) -> None:
    place = parse_place(text)
    assert place is not None
    assert parse_place(place_text(place)) == place


@pytest.mark.parametrize(
    "text", ["", "a", "$a", "$.", "$..a", "$[", "$[-1]", "$[1:2]", "$[?(@.a)]", "$['a']", "$" + ".a" * 33]
)
def test_no_places(text: str) -> None:
    assert parse_place(text) is None


def test_values_at() -> None:
    assert values_at({"a": [{"b": 1}, {"b": 2}, {}]}, parse_place("$.a[*].b") or ()) == [1, 2]
    assert values_at({"0": 1}, (0,)) == []
