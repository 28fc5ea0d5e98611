from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Package(_message.Message):
    __slots__ = ("digest", "name", "version", "size", "endpoints", "created_at", "sdk", "python", "handler", "framework", "signature", "files", "examples")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    digest: str
    name: str
    version: str
    size: int
    endpoints: _containers.RepeatedScalarFieldContainer[str]
    created_at: str
    sdk: str
    python: str
    handler: str
    framework: PackageFramework
    signature: _struct_pb2.Struct
    files: int
    examples: _containers.RepeatedCompositeFieldContainer[PackageExample]
    def __init__(self, digest: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., size: _Optional[int] = ..., endpoints: _Optional[_Iterable[str]] = ..., created_at: _Optional[str] = ..., sdk: _Optional[str] = ..., python: _Optional[str] = ..., handler: _Optional[str] = ..., framework: _Optional[_Union[PackageFramework, _Mapping[str, _Any]]] = ..., signature: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., files: _Optional[int] = ..., examples: _Optional[_Iterable[_Union[PackageExample, _Mapping[str, _Any]]]] = ...) -> None: ...

class PackageFramework(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class PackageExample(_message.Message):
    __slots__ = ("endpoint", "request")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    request: _struct_pb2.Value
    def __init__(self, endpoint: _Optional[str] = ..., request: _Optional[_Union[_struct_pb2.Value, _Mapping[str, _Any]]] = ...) -> None: ...

class PackageList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Package]
    def __init__(self, items: _Optional[_Iterable[_Union[Package, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListPackagesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchPackagesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPackageRequest(_message.Message):
    __slots__ = ("digest",)
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    digest: str
    def __init__(self, digest: _Optional[str] = ...) -> None: ...
