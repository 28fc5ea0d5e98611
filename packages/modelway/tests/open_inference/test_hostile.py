"""Tensors that lie: each is refused with 400 or taken as what it is; nothing else ever happens."""

import json
import random
import struct
from contextlib import suppress
from typing import Annotated, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelway import Handler, Shape, inference
from modelway.errors import InvalidRequestError, ModelwayError
from modelway.serving.lane import InlineLane
from modelway.serving.open_inference.datatypes import DATATYPES
from modelway.serving.open_inference.inference import Inference
from modelway.serving.open_inference.outputs import Encoded, encode_results
from modelway.serving.open_inference.routes import error_page
from modelway.serving.open_inference.tensors import Tensor, read_request
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import bind


class Target(Handler):
    @inference
    def image(self, x: Annotated[NDArray[np.float32], Shape(None, 2)]) -> NDArray[np.float32]:
        return x

    @inference
    def words(self, text: NDArray[np.str_], name: str = "", more: dict[str, int] | None = None) -> int:
        return text.size

    @inference
    def number(self, n: int, *, ok: bool = True) -> int:
        return n


LANE = InlineLane()
BOUND = bind(Target)
DISPATCHER = Dispatcher(Target(), BOUND, LANE)

dimensions: st.SearchStrategy[Any] = st.one_of(
    st.integers(-3, 6), st.sampled_from([2**31, 2**32, 2**63, 2**64, -(2**63), 10**30, True, 1.0, "2", None])
)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.text(max_size=5), st.none()
)
data: st.SearchStrategy[Any] = st.recursive(
    st.lists(scalars, max_size=6), lambda inner: st.lists(inner, max_size=3), max_leaves=12
)
sizes: st.SearchStrategy[Any] = st.one_of(st.integers(-5, 40), st.sampled_from([2**31, 2**63, 10**30, True, "8", None]))
inputs: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "text", "name", "more", "n", "ok", "y", ""]),
        "shape": st.one_of(st.lists(dimensions, max_size=4), st.just([1] * 40), st.just("2")),
        "datatype": st.sampled_from([*DATATYPES, "BF16", "fp32", ""]),
    },
    optional={"data": data, "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": sizes})},
)
requests: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"inputs": st.lists(inputs, max_size=3)},
    optional={
        "id": st.text(max_size=3),
        "parameters": st.fixed_dictionaries(
            {},
            optional={
                "endpoint": st.sampled_from(["image", "words", "number", "", 3]),
                "binary_data_output": st.booleans(),
            },
        ),
    },
)


def ask(body: bytes, header_length: bytes | None) -> int:
    results: list[Encoded | ModelwayError] = []
    call = Inference(DISPATCHER, BOUND.signature, results.append, encode_results)
    try:
        request, tensors = read_request(body, header_length)
        call.start({"model_name": "m"}, request, tensors, request_id="", deadline=float("inf"), headers=())
    except ModelwayError as error:
        return error_page(error).status
    LANE.settle()
    (result,) = results
    return error_page(result).status if isinstance(result, ModelwayError) else 200


@settings(max_examples=1500, deadline=None)
@given(request=requests, binary=st.binary(max_size=40), off=st.sampled_from([0, 0, 0, -1, 1, 10**9, -(10**9)]))
def test_whatever_a_request_claims(request: dict[str, Any], binary: bytes, off: int) -> None:
    head = json.dumps(request).encode()
    assert ask(head + binary, b"%d" % (len(head) + off)) in {200, 400, 404}


@settings(max_examples=500, deadline=None)
@given(body=st.binary(max_size=60), length=st.one_of(st.none(), st.binary(max_size=20)))
def test_whatever_the_bytes_are(body: bytes, length: bytes | None) -> None:
    assert ask(body, length) == 400


@settings(max_examples=1000, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 4), max_size=6),
    tail=st.binary(max_size=20),
    count=st.integers(0, 6),
)
def test_lengths_of_bytes_that_do_not_add_up(lengths: list[int], tail: bytes, count: int) -> None:
    packed = b"".join(struct.pack("<I", length) + b"a" * min(length, 4) for length in lengths) + tail
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "text",
                    "datatype": "BYTES",
                    "shape": [1, count],
                    "parameters": {"binary_data_size": len(packed)},
                }
            ],
            "parameters": {"endpoint": "words"},
        }
    ).encode()
    honest = len(lengths) == count and not tail and all(length <= 4 for length in lengths)
    body, header_length = head + packed, b"%d" % len(head)
    tensors: list[Tensor] = []
    with suppress(InvalidRequestError):
        tensors = read_request(body, header_length)[1]
    if honest or tensors:
        assert len(tensors[0].elements) == count
        assert sum(map(len, tensors[0].elements)) + 4 * count == len(packed)


def test_a_shape_that_claims_more_than_the_body_holds_costs_nothing() -> None:
    for shape in ([2**31, 2**31, 2], [1, 2**62], [10**9], [1] * 32 + [1], [3, 0, 2**60], [0], [0, 0]):
        head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "data": []}]}).encode()
        assert ask(head, None) == 400


def test_damaged_requests_never_reach_further_than_400() -> None:
    good = json.dumps(
        {
            "inputs": [{"name": "n", "datatype": "INT64", "shape": [2], "data": [1, 2]}],
            "parameters": {"endpoint": "number"},
        }
    ).encode()
    assert ask(good, None) == 200
    chance = random.Random(5)
    for _ in range(3000):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert ask(bytes(damaged), None) in {200, 400, 404}


def test_deeply_nested_data_is_refused() -> None:
    for depth in (40, 2000, 200_000):
        nested = b"[" * depth + b"]" * depth
        body = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":%b}]}' % nested
        assert ask(body, None) == 400
