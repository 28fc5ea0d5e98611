from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Endpoint(_message.Message):
    __slots__ = ("id", "project", "model", "version", "host", "port", "scheme", "grpc_port", "package", "left_out_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    GRPC_PORT_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    project: str
    model: str
    version: str
    host: str
    port: int
    scheme: str
    grpc_port: int
    package: str
    left_out_by: int
    def __init__(self, id: _Optional[str] = ..., project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., scheme: _Optional[str] = ..., grpc_port: _Optional[int] = ..., package: _Optional[str] = ..., left_out_by: _Optional[int] = ...) -> None: ...

class EndpointList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Endpoint]
    def __init__(self, items: _Optional[_Iterable[_Union[Endpoint, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListEndpointsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchEndpointsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RegisterEndpointRequest(_message.Message):
    __slots__ = ("id", "project", "model", "version", "host", "port", "package", "grpc_port", "scheme", "ttl_seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    GRPC_PORT_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    project: str
    model: str
    version: str
    host: str
    port: int
    package: str
    grpc_port: int
    scheme: str
    ttl_seconds: float
    def __init__(self, id: _Optional[str] = ..., project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., package: _Optional[str] = ..., grpc_port: _Optional[int] = ..., scheme: _Optional[str] = ..., ttl_seconds: _Optional[float] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("ttl_seconds", "others")
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    ttl_seconds: float
    others: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ttl_seconds: _Optional[float] = ..., others: _Optional[_Iterable[str]] = ...) -> None: ...

class DeregisterEndpointRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Deregistered(_message.Message):
    __slots__ = ("known",)
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    known: bool
    def __init__(self, known: _Optional[bool] = ...) -> None: ...
