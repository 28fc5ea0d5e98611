"""Payloads of streams: in order, bounded, and without secrets that are cut in two."""

import json
import random
import re
from typing import Any

import pytest

from modelway.serving.observing.carried_policy import Capture
from modelway.serving.observing.cut_texts import cut
from modelway.serving.observing.payload import AHEAD_BYTES, KeptPieces, read_json
from modelway.serving.observing.payload_members import with_payloads
from modelway.serving.observing.redaction import NotPlainError, Redaction

MAIL = "[a-z.]{1,32}@[a-z.]{1,32}"


def recorded(pieces: list[Any], most: int = 4096, redaction: Redaction | None = None) -> dict[str, Any]:
    kept = KeptPieces(most, read_json)
    for each in pieces:
        kept.add([each if isinstance(each, bytes) else json.dumps(each, separators=(",", ":")).encode()])
    return json.loads(with_payloads(b'{"a":1', Capture(most, redaction or Redaction()), [], kept))


def test_pieces_are_written_in_order() -> None:
    assert recorded(["a", 1, {"b": None}, []]) == {"a": 1, "answer": ["a", 1, {"b": None}, []]}
    assert recorded([]) == {"a": 1, "answer": []}


def test_a_stream_is_cut_at_the_policys_size() -> None:
    found = recorded(["12345"] * 100, most=80)
    assert found["answer"] == ["12345"] * 10
    assert found["answer_truncated"] is True
    assert "answer_truncated" not in recorded(["12345"] * 10, most=80)
    assert recorded(["x" * 100, "y"], most=50) == {"a": 1, "answer": [], "answer_truncated": True}
    assert recorded(["a", "x" * 5000, "b"], most=50)["answer"] == ["a"], "nothing behind a gap"


@pytest.mark.parametrize("size", [1, 3, 200, 70_000])
def test_memory_is_bounded(size: int) -> None:
    kept = KeptPieces(4096, read_json)
    for _ in range(20_000):
        kept.add([b"1" * size])
    assert kept.full
    assert kept.size + len(list(kept)) <= 4096 + AHEAD_BYTES


def test_a_secret_over_several_pieces_is_taken_out_of_all() -> None:
    redaction = Redaction(patterns=[MAIL])
    found = recorded(["write to ", "ann", "@exa", "mple.org", " now"], redaction=redaction)
    assert found["answer"] == ["write to ", "[redacted]", "", "", " now"]
    card = recorded([{"choice": {"text": each}} for each in ("4111 11", "11 1111 ", "1111.")])
    assert [each["choice"]["text"] for each in card["answer"]] == ["[redacted]", "", "."]
    apart = recorded([{"a": "ann"}, {"b": "@example.org"}, {"a": "@example.org"}], redaction=redaction)
    assert apart["answer"] == [{"a": "[redacted]"}, {"b": "@example.org"}, {"a": ""}]


def test_a_secret_of_one_piece_is_taken_out_whatever_its_neighbours_are() -> None:
    assert recorded(["x", "4111 1111 1111 1111", "y"])["answer"] == ["x", "[redacted]", "y"]


def test_names_and_places_hold_in_each_piece() -> None:
    redaction = Redaction(names=["nickname"], places=[("deep", 0)])
    pieces = [{"nickname": "Bob", "deep": [1, 2]}, {"nickname": ["B"], "password": "x"}]
    assert recorded(pieces, redaction=redaction)["answer"] == [
        {"nickname": "[redacted]", "deep": ["[redacted]", 2]},
        {"nickname": "[redacted]", "password": "[redacted]"},
    ]


def test_a_secret_that_the_cut_would_halve_is_taken_out() -> None:
    pieces = ["x" * 30, "card 4111 1111", " 1111 1111", "z" * 40]
    found = recorded(pieces, most=51)
    assert found["answer"] == ["x" * 30, "card [redacted]"]
    assert found["answer_truncated"] is True


def test_hostile_pieces_cost_nothing_but_themselves() -> None:
    deep = b"[" * 400 + b"]" * 400
    assert recorded(["a", deep]) == {"a": 1, "answer_omitted": "803 bytes, nested too deeply"}
    assert recorded(["a", b"\xff\xfe"])["answer"] == ["a", "[2 bytes, not JSON]"]

    def unreadable(octets: bytes) -> Any:
        raise NotPlainError("no message") if octets == b"1" else MemoryError

    kept = KeptPieces(100, unreadable)
    kept.add([b"1", b"22"])
    line = json.loads(with_payloads(b'{"a":1', Capture(100, Redaction()), [], kept))
    assert line["answer"] == ["[1 bytes, no message]", "[2 bytes, cannot be read]"]


def test_cutting_is_the_same_however_a_text_is_split() -> None:
    chosen = random.Random(7)
    for _ in range(300):
        text = "".join(chosen.choices("ab1", k=chosen.randrange(40)))
        places = sorted(chosen.choices(range(len(text) + 1), k=chosen.randrange(6)))
        texts = [text[low:high] for low, high in zip([0, *places], [*places, len(text)], strict=True)]
        spans = [each.span() for each in re.finditer("1{1,3}", text)]
        assert "".join(cut(texts, spans, "[-]")) == re.sub("1{1,3}", "[-]", text)
        assert len(cut(texts, spans, "[-]")) == len(texts)
