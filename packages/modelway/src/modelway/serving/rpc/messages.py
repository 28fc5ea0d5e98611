"""Messages of the protocol to requests with their tensors, and results of rows to messages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from google.protobuf.message import DecodeError

from modelway.errors import InvalidRequestError
from modelway.protos.open_inference import (
    InferParameter,
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)
from modelway.serving.open_inference.datatypes import BYTES, DATATYPES
from modelway.serving.open_inference.outputs import octets, output_columns
from modelway.serving.open_inference.tensors import (
    MAX_TENSORS,
    InferJson,
    OutputJson,
    Tensor,
    listed_tensor,
    raw_tensor,
)
from modelway.signature import EndpointSignature

_CONTENTS: Mapping[str, str] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}

ModelMembers = Mapping[str, Any]
Encode = Callable[[ModelMembers, InferJson, EndpointSignature, Sequence[Any]], ModelInferResponse]


def read_message(body: bytes) -> ModelInferRequest:
    """The message in `body`.

    Raises:
        InvalidRequestError: There is none.
    """
    try:
        return ModelInferRequest.FromString(body)
    except DecodeError:
        raise InvalidRequestError(
            "the message is no ModelInferRequest", hint="see proto/open_inference.proto, or ask the server's reflection"
        ) from None


def infer_of(message: ModelInferRequest) -> InferJson:
    """What a message asks for, beside its tensors, in the form that REST has."""
    return InferJson(
        inputs=[],
        id=message.id,
        parameters=parameters_of(message.parameters),
        outputs=[OutputJson(each.name, parameters_of(each.parameters)) for each in message.outputs],
    )


def tensors_of(message: ModelInferRequest) -> list[Tensor]:
    """The tensors of a message, checked.

    Raises:
        InvalidRequestError: Anything in it is not as it says.
    """
    inputs, raws = message.inputs, message.raw_input_contents
    if len(inputs) > MAX_TENSORS:
        raise InvalidRequestError(f"{len(inputs)} inputs: at most {MAX_TENSORS}")
    if raws:
        if len(raws) != len(inputs) or any(each.HasField("contents") for each in inputs):
            raise InvalidRequestError(
                f"{len(raws)} raw_input_contents for {len(inputs)} inputs",
                hint="give one for each input and no contents, or none at all",
            )
        return [raw_tensor(each.name, each.datatype, each.shape, raw) for each, raw in zip(inputs, raws, strict=True)]
    return [listed_contents(each) for each in inputs]


def listed_contents(given: ModelInferRequest.InferInputTensor | ModelInferResponse.InferOutputTensor) -> Tensor:
    """A tensor with its elements as numbers, checked.

    Raises:
        InvalidRequestError: It is not as it says.
    """
    member = _CONTENTS.get(given.datatype)
    filled = [field.name for field, _ in given.contents.ListFields()]
    if member is None and given.datatype in DATATYPES:
        raise InvalidRequestError(
            f"input '{given.name[:80]}': {given.datatype} has no contents", hint="use raw_input_contents"
        )
    if filled and filled != [member]:
        raise InvalidRequestError(f"input '{given.name[:80]}': {given.datatype} has its elements in {member}")
    return listed_tensor(given.name, given.datatype, given.shape, getattr(given.contents, member) if member else ())


def parameters_of(given: Mapping[str, InferParameter]) -> dict[str, Any]:
    """As they are in JSON."""
    found: dict[str, Any] = {}
    for name, parameter in given.items():
        choice = parameter.WhichOneof("parameter_choice")
        if choice is not None:
            found[name] = getattr(parameter, choice)
    return found


def answer_form(message: ModelInferRequest) -> Encode:
    """How the answer is wanted: raw where the request was or says so, else in typed contents."""
    if message.raw_input_contents or message.parameters["binary_data_output"].bool_param:
        return raw_answer
    return listed_answer


def raw_answer(
    head: ModelMembers, request: InferJson, endpoint: EndpointSignature, results: Sequence[Any]
) -> ModelInferResponse:
    """The answer with its elements as octets."""
    answer = ModelInferResponse(**head)
    for each in output_columns(request, endpoint, results):
        answer.outputs.add(name=each.name, datatype=each.datatype, shape=each.shape)
        answer.raw_output_contents.append(octets(each.datatype, each.elements))
    return answer


def listed_answer(
    head: ModelMembers, request: InferJson, endpoint: EndpointSignature, results: Sequence[Any]
) -> ModelInferResponse:
    """The answer with its elements as numbers; raw as a whole where one output has a type without such a form."""
    columns = list(output_columns(request, endpoint, results))
    if any(each.datatype not in _CONTENTS for each in columns):
        return raw_answer(head, request, endpoint, results)
    answer = ModelInferResponse(**head)
    for each in columns:
        contents = InferTensorContents(**{_CONTENTS[each.datatype]: _elements(each.elements)})
        answer.outputs.add(name=each.name, datatype=each.datatype, shape=each.shape, contents=contents)
    return answer


def _elements(elements: Any) -> Iterable[Any]:
    return cast("list[Any]", elements) if isinstance(elements, list) else elements.ravel().tolist()
