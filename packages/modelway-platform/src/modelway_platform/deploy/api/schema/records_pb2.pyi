from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TakeRecordsRequest(_message.Message):
    __slots__ = ("origin", "segment", "start", "ended", "lines")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    origin: str
    segment: str
    start: int
    ended: bool
    lines: _httpbody_pb2.HttpBody
    def __init__(self, origin: _Optional[str] = ..., segment: _Optional[str] = ..., start: _Optional[int] = ..., ended: _Optional[bool] = ..., lines: _Optional[_Union[_httpbody_pb2.HttpBody, _Mapping[str, _Any]]] = ...) -> None: ...

class KeptRecords(_message.Message):
    __slots__ = ("size", "refused")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    size: int
    refused: int
    def __init__(self, size: _Optional[int] = ..., refused: _Optional[int] = ...) -> None: ...
