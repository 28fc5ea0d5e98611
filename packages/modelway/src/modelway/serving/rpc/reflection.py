"""`grpc.reflection.v1` and `v1alpha`: what the services are, for command lines and clients that know none of them."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from modelway.errors import InvalidRequestError
from modelway.protos import health, open_inference, reflection, reflection_v1alpha
from modelway.protos.reflection import (
    ErrorResponse,
    ExtensionNumberResponse,
    FileDescriptorResponse,
    ListServiceResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
    ServiceResponse,
)
from modelway.protos.statuses import NUMBERS
from modelway.rpc.call import Call

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""Both say the same; older clients know only the second."""


class Reflection:
    """Answers questions about the services.

    Args:
        services: Their names.
    """

    def __init__(self, services: Sequence[str]) -> None:
        self._services = sorted(services)
        self._pool = DescriptorPool()
        for each in (open_inference, health, reflection, reflection_v1alpha):
            self._pool.AddSerializedFile(each.DESCRIPTOR.serialized_pb)

    def converse(self, call: Call) -> "Questions":
        """`ServerReflectionInfo`."""
        return Questions(self, call)

    def answer(self, asked: ServerReflectionRequest) -> ServerReflectionResponse:
        """The answer to one question."""
        answer = ServerReflectionResponse(valid_host=asked.host, original_request=asked)
        kind = asked.WhichOneof("message_request") or ""
        find = self._answers.get(kind)
        try:
            if find is None:
                raise InvalidRequestError("a question that is not known")  # noqa: TRY301 - answered like the others
            find(asked, answer)
        except KeyError:
            answer.error_response.CopyFrom(ErrorResponse(error_code=NUMBERS["NOT_FOUND"], error_message="not found"))
        except InvalidRequestError as error:
            number = NUMBERS["INVALID_ARGUMENT"]
            answer.error_response.CopyFrom(ErrorResponse(error_code=number, error_message=error.message))
        return answer

    @property
    def _answers(self) -> dict[str, Callable[[ServerReflectionRequest, ServerReflectionResponse], None]]:
        return {
            "list_services": self._list,
            "file_by_filename": self._file_by_name,
            "file_containing_symbol": self._file_of_symbol,
            "file_containing_extension": self._file_of_extension,
            "all_extension_numbers_of_type": self._extensions,
        }

    def _list(self, asked: ServerReflectionRequest, answer: ServerReflectionResponse) -> None:
        names = [ServiceResponse(name=each) for each in self._services]
        answer.list_services_response.CopyFrom(ListServiceResponse(service=names))

    def _file_by_name(self, asked: ServerReflectionRequest, answer: ServerReflectionResponse) -> None:
        _give(self._pool.FindFileByName(asked.file_by_filename), answer)

    def _file_of_symbol(self, asked: ServerReflectionRequest, answer: ServerReflectionResponse) -> None:
        symbol = asked.file_containing_symbol
        try:
            file = self._pool.FindFileContainingSymbol(symbol)
        except KeyError:  # the pool does not look for methods
            service, _, method = symbol.rpartition(".")
            file = self._pool.FindServiceByName(service).methods_by_name[method].containing_service.file
        _give(file, answer)

    def _file_of_extension(self, asked: ServerReflectionRequest, answer: ServerReflectionResponse) -> None:
        wanted = asked.file_containing_extension
        of_type = self._pool.FindMessageTypeByName(wanted.containing_type)
        found: Any = self._pool.FindExtensionByNumber(of_type, wanted.extension_number)
        _give(found.file, answer)

    def _extensions(self, asked: ServerReflectionRequest, answer: ServerReflectionResponse) -> None:
        of_type = self._pool.FindMessageTypeByName(asked.all_extension_numbers_of_type)
        numbers = sorted(each.number for each in self._pool.FindAllExtensions(of_type))
        answer.all_extension_numbers_response.CopyFrom(
            ExtensionNumberResponse(base_type_name=of_type.full_name, extension_number=numbers)
        )


class Questions:
    """One `ServerReflectionInfo` call.

    Args:
        reflection: Who answers.
        call: Who asks.
    """

    def __init__(self, reflection: Reflection, call: Call) -> None:
        self._reflection = reflection
        self._call = call

    def message(self, body: bytes, /) -> None:
        try:
            asked = ServerReflectionRequest.FromString(body)
        except DecodeError:
            raise InvalidRequestError("the message is no ServerReflectionRequest") from None
        self._call.send(self._reflection.answer(asked).SerializeToString())
        if self._call.unsent:
            self._call.hold()  # who does not take answers gets no more of them

    def asked(self) -> None:
        self._call.finish()

    def taken(self) -> None:
        self._call.go_on()

    def left(self) -> None:
        """Nothing goes on between questions."""


def _give(file: FileDescriptor, answer: ServerReflectionResponse) -> None:
    """The file, with those it depends on before it (there are none in files of ours)."""
    found: list[bytes] = []
    files: list[Any] = [file]
    seen: set[str] = set()
    while files:
        each = files.pop()
        if each.name not in seen:
            seen.add(each.name)
            proto = descriptor_pb2.FileDescriptorProto()
            each.CopyToProto(proto)
            found.append(proto.SerializeToString())
            files += each.dependencies
    answer.file_descriptor_response.CopyFrom(FileDescriptorResponse(file_descriptor_proto=found))
