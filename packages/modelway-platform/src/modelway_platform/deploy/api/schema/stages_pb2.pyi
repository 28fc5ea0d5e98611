from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from modelway_platform.deploy.api.schema import documents_pb2 as _documents_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Stage(_message.Message):
    __slots__ = ("api_version", "kind", "metadata", "spec", "status")
    API_VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    api_version: str
    kind: str
    metadata: _documents_pb2.Metadata
    spec: _struct_pb2.Struct
    status: _struct_pb2.Struct
    def __init__(self, api_version: _Optional[str] = ..., kind: _Optional[str] = ..., metadata: _Optional[_Union[_documents_pb2.Metadata, _Mapping[str, _Any]]] = ..., spec: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., status: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ...) -> None: ...

class StageList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Stage]
    def __init__(self, items: _Optional[_Iterable[_Union[Stage, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListStagesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchStagesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStageRequest(_message.Message):
    __slots__ = ("project", "stage")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    project: str
    stage: str
    def __init__(self, project: _Optional[str] = ..., stage: _Optional[str] = ...) -> None: ...

class DeleteStageRequest(_message.Message):
    __slots__ = ("project", "stage", "expected_revision", "force")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    project: str
    stage: str
    expected_revision: int
    force: bool
    def __init__(self, project: _Optional[str] = ..., stage: _Optional[str] = ..., expected_revision: _Optional[int] = ..., force: _Optional[bool] = ...) -> None: ...

class UndoStageRequest(_message.Message):
    __slots__ = ("project", "stage", "to_revision", "expected_revision")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    TO_REVISION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    project: str
    stage: str
    to_revision: int
    expected_revision: int
    def __init__(self, project: _Optional[str] = ..., stage: _Optional[str] = ..., to_revision: _Optional[int] = ..., expected_revision: _Optional[int] = ...) -> None: ...
