"""Messages that lie, through the same way as honest ones: always the caller's fault, never an accident of ours."""

from typing import Annotated, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelway import Handler, Shape, inference
from modelway.errors import ModelwayError
from modelway.protos.open_inference import InferTensorContents, ModelInferRequest, ModelInferResponse
from modelway.protos.statuses import status_of
from modelway.serving.lane import InlineLane
from modelway.serving.open_inference.datatypes import DATATYPES
from modelway.serving.open_inference.inference import Inference
from modelway.serving.rpc.messages import answer_form, infer_of, read_message, tensors_of
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import bind


class Model(Handler):
    @inference(max_batch_size=4)
    def image(self, x: Annotated[NDArray[np.float32], Shape(None, 2)]) -> NDArray[np.float32]:
        return x

    @inference
    def words(self, text: Annotated[NDArray[np.str_], Shape(None)]) -> NDArray[np.str_]:
        return text

    @inference
    def number(self, n: int, s: str = "", o: bytes = b"") -> int:
        return n


BOUND = bind(Model)
LANE = InlineLane()
DISPATCHER = Dispatcher(Model(), BOUND, LANE)
OURS = {"INVALID_ARGUMENT", "NOT_FOUND"}

lengths = st.one_of(st.integers(0, 3), st.sampled_from([-1, 2**31, 2**62, -(2**63)]))
members: dict[str, st.SearchStrategy[Any]] = {
    "bool_contents": st.booleans(),
    "int_contents": st.integers(-(2**31), 2**31 - 1),
    "int64_contents": st.integers(-(2**63), 2**63 - 1),
    "uint_contents": st.integers(0, 2**32 - 1),
    "uint64_contents": st.integers(0, 2**64 - 1),
    "fp32_contents": st.floats(width=32),
    "fp64_contents": st.floats(),
    "bytes_contents": st.binary(max_size=4),
}


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    message = ModelInferRequest(model_name="m", id=draw(st.text(max_size=2)))
    endpoint = draw(st.sampled_from(["", "image", "words", "number", "none"]))
    if endpoint:
        message.parameters["endpoint"].string_param = endpoint
    if draw(st.booleans()):
        message.parameters["binary_data_output"].CopyFrom(type(message.parameters["x"])(int64_param=1))
    for _ in range(draw(st.integers(0, 3))):
        tensor = message.inputs.add(
            name=draw(st.sampled_from(["x", "text", "n", "s", "o"])),
            datatype=draw(st.sampled_from([*DATATYPES, "BF16", "", "fp32"])),
            shape=draw(st.lists(lengths, max_size=4)),
        )
        for name in draw(st.lists(st.sampled_from(sorted(members)), max_size=2, unique=True)):
            contents = InferTensorContents(**{name: draw(st.lists(members[name], max_size=6))})
            tensor.contents.MergeFrom(contents)
    for _ in range(draw(st.integers(0, 3))):
        message.raw_input_contents.append(draw(st.binary(max_size=24)))
    if draw(st.booleans()):
        message.outputs.add(name=draw(st.sampled_from(["output", "other"])))
    raw = message.SerializeToString()
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.integers(0, 9)) == 0 else raw


def ask(body: bytes) -> str:
    results: list[ModelInferResponse | ModelwayError] = []
    try:
        message = read_message(body)
        call = Inference(DISPATCHER, BOUND.signature, results.append, answer_form(message))
        call.start(
            {"model_name": "m"},
            infer_of(message),
            tensors_of(message),
            request_id="",
            deadline=float("inf"),
            headers=(),
        )
    except ModelwayError as error:
        return status_of(error)
    LANE.settle()
    (result,) = results
    return status_of(result) if isinstance(result, ModelwayError) else "OK"


@settings(max_examples=1000, deadline=None)
@given(body=messages())
def test_whatever_a_message_claims(body: bytes) -> None:
    assert ask(body) in {"OK", *OURS}


@settings(max_examples=300, deadline=None)
@given(
    rows=st.integers(1, 3),
    width=st.sampled_from([2, 2, 2, 1, 3]),
    off=st.sampled_from([0, 0, 0, 1, -1, 4]),
    datatype=st.sampled_from(["FP32", "FP32", "FP64", "INT32"]),
)
def test_one_lie_is_enough_and_the_truth_is_taken(rows: int, width: int, off: int, datatype: str) -> None:
    message = ModelInferRequest(model_name="m")
    message.parameters["endpoint"].string_param = "image"
    message.inputs.add(name="x", datatype=datatype, shape=[rows, width])
    message.raw_input_contents.append(bytes(rows * width * DATATYPES[datatype].size + off))
    honest = (width, off, datatype) == (2, 0, "FP32")
    assert ask(message.SerializeToString()) == ("OK" if honest else "INVALID_ARGUMENT")


@settings(max_examples=500, deadline=None)
@given(body=st.binary(max_size=80))
def test_whatever_the_octets_are(body: bytes) -> None:
    assert ask(body) in OURS
