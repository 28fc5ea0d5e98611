"""Messages of the protocol as a log writes them: the JSON that they would be over REST."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from modelway.protos.open_inference import (
    InferParameter,
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelStreamInferResponse,
)
from modelway.serving.observing.redaction import NotPlainError
from modelway.serving.open_inference.recorded import elements_of
from modelway.serving.open_inference.tensors import MAX_TENSORS, raw_tensor
from modelway.serving.rpc.messages import listed_contents, parameters_of

_Tensors = Sequence[Any]


def read_piece(octets: bytes) -> Any:
    """The answer in a ModelStreamInferResponse.

    Raises:
        NotPlainError: It is none.
    """
    try:
        message = ModelStreamInferResponse.FromString(octets)
    except DecodeError:
        raise NotPlainError("no ModelStreamInferResponse") from None
    return _answer_value(message.infer_response)


def read_request(octets: bytes) -> Any:
    """A ModelInferRequest.

    Raises:
        NotPlainError: It is none.
    """
    try:
        message = ModelInferRequest.FromString(octets)
    except DecodeError:
        raise NotPlainError("no ModelInferRequest") from None
    if len(message.inputs) > MAX_TENSORS:
        raise NotPlainError(f"more than {MAX_TENSORS} inputs")
    wanted = [{"name": each.name, **_told(each.parameters)} for each in message.outputs]
    return {
        **({"id": message.id} if message.id else {}),
        **_told(message.parameters),
        "inputs": _tensors(message.inputs, message.raw_input_contents),
        **({"outputs": wanted} if wanted else {}),
    }


def read_answer(octets: bytes) -> Any:
    """A ModelInferResponse.

    Raises:
        NotPlainError: It is none.
    """
    try:
        return _answer_value(ModelInferResponse.FromString(octets))
    except DecodeError:
        raise NotPlainError("no ModelInferResponse") from None


def _answer_value(message: ModelInferResponse) -> dict[str, Any]:
    head = {"model_name": message.model_name, "model_version": message.model_version, "id": message.id}
    return {
        **{name: value for name, value in head.items() if value},
        **_told(message.parameters),
        "outputs": _tensors(message.outputs, message.raw_output_contents),
    }


def _tensors(tensors: _Tensors, raws: Sequence[bytes]) -> list[dict[str, Any]]:
    """Elements are the tensors' own, or lie behind one another in `raws`; of a message that lies, as many as can be told apart."""
    return [
        {
            "name": each.name,
            "datatype": each.datatype,
            "shape": list(each.shape),
            **_told(each.parameters),
            "data": _data(each, raws[place] if place < len(raws) else None),
        }
        for place, each in enumerate(tensors)
    ] + [{"data": f"[{len(raw)} bytes, of no tensor]"} for raw in raws[len(tensors) :]]


def _data(tensor: Any, raw: bytes | None) -> Any:
    if raw is not None:
        return elements_of(partial(raw_tensor, tensor.name, tensor.datatype, tensor.shape, raw), len(raw))
    contents: InferTensorContents = tensor.contents
    return elements_of(partial(listed_contents, tensor), contents.ByteSize())


def _told(parameters: Mapping[str, InferParameter]) -> dict[str, Any]:
    found = parameters_of(parameters)
    return {"parameters": found} if found else {}
