"""How requests run is part of the signature, in as few words as there is to say, and can be read by people."""

from collections.abc import Iterator
from typing import Any

import msgspec

from modelway import Handler, cost, inference
from modelway.signature import Signature, bind
from modelway.signature.running_text import fields_text, running_text


class All(Handler):
    @cost("costed")
    def tokens(self, text: str) -> int:
        return len(text)

    @inference(max_batch_cost=512, max_batch_size=32, max_wait_ms="adaptive", any_thread=True)
    def costed(self, text: list[str]) -> list[str]:
        return text

    @inference(max_batch_size=8, max_wait_ms=2.5, any_thread=False, idempotent=True)
    def held(self, text: list[str]) -> list[str]:
        return text

    @inference
    def plain(self, text: str, times: int = 1) -> str:
        return text * times

    @inference(max_concurrency=5)
    async def waits(self, text: str) -> str:
        return text

    @inference
    def tells(self, text: str) -> Iterator[str]:
        yield text


SIGNATURE = bind(All).signature


def test_in_words() -> None:
    assert {each.name: running_text(each) for each in SIGNATURE.endpoints} == {
        "costed": "batches of up to 512 by tokens, 32 items at most; batches wait as long as pays; in any thread",
        "held": "batches of up to 8; batches wait up to 2.5 ms behind another; in the model's thread only; may run twice",
        "plain": "",
        "waits": "5 side by side",
        "tells": "streams; 64 side by side",
    }
    assert fields_text(SIGNATURE.endpoint("plain")) == "text: str, times: int (optional)"


def test_a_manifest_has_what_is_declared_and_gives_it_back() -> None:
    values = SIGNATURE.to_json()
    declared: dict[str, Any] = {each["name"]: each.get("running") for each in values["endpoints"]}
    assert declared["costed"] == {"cost": "tokens", "max_wait_ms": "adaptive", "any_thread": True}
    assert declared["held"] == {"max_wait_ms": 2.5, "any_thread": False, "idempotent": True}
    assert declared["plain"] is None  # as it was before this was told
    assert Signature.from_json(msgspec.json.decode(msgspec.json.encode(values))) == SIGNATURE
