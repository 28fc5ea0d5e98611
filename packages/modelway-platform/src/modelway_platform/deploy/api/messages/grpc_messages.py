"""Answers and errors as gRPC has them: messages of the schema, and a status with details."""

from typing import Any

import grpc
import msgspec
from google.api import httpbody_pb2
from google.protobuf import any_pb2, json_format, struct_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from modelway.errors import ModelwayError
from modelway.protos.statuses import NUMBERS, Metadata, metadata_of, status_of, text_of
from modelway_platform.deploy.api.call import Octets
from modelway_platform.deploy.api.messages.methods import Method

DOMAIN = "modelway"
LONGEST_DETAILS = 4096
_DETAILS = "grpc-status-details-bin"


def answer_message(method: Method, value: Any, *, strict: bool = False) -> Message:
    """The message that JSON values of an answer mean.

    Args:
        method: Whose answer it is.
        value: JSON values, JSON already written, `Octets`, or None for nothing.
        strict: Fail where the schema has no place for something; else that is left out, as older clients leave it out.
    """
    if isinstance(value, Octets):
        return httpbody_pb2.HttpBody(content_type=value.content_type, data=value.data)
    if value is None:
        return method.answer_class()
    read = msgspec.json.decode(value) if isinstance(value, bytes) else value
    return json_format.ParseDict(read, method.answer_class(), ignore_unknown_fields=not strict)


def error_metadata(error: ModelwayError, request_id: str) -> tuple[grpc.StatusCode, str, Metadata]:
    """Status, text and trailing metadata of an error; among these `google.rpc.Status` with ErrorInfo and the details."""
    status, text = grpc.StatusCode[status_of(error)], text_of(error)
    info = error_details_pb2.ErrorInfo(reason=error.error_code.upper(), domain=DOMAIN)
    info.metadata.update({"code": error.error_code, "hint": error.hint})
    rich = status_pb2.Status(code=NUMBERS[status.name], message=text)
    rich.details.append(_packed(info))
    rich.details.append(_packed(error_details_pb2.RequestInfo(request_id=request_id)))
    for detail in error.details:
        members = struct_pb2.Struct()
        json_format.ParseDict(msgspec.to_builtins(dict(detail)), members)
        rich.details.append(_packed(members))
        if rich.ByteSize() > LONGEST_DETAILS:
            del rich.details[-1]
            break
    return status, text, (*metadata_of(error, request_id), (_DETAILS, rich.SerializeToString()))


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
