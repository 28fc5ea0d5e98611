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

class Promotion(_message.Message):
    __slots__ = ("number", "deployment", "from_stage", "to_stage", "package", "state", "message", "promoter", "reason", "revision", "result_revision", "source", "commit", "gates", "approvals", "created_at", "updated_at", "ended_at")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    FROM_STAGE_FIELD_NUMBER: _ClassVar[int]
    TO_STAGE_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROMOTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RESULT_REVISION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    number: int
    deployment: str
    from_stage: str
    to_stage: str
    package: str
    state: str
    message: str
    promoter: str
    reason: str
    revision: int
    result_revision: int
    source: str
    commit: str
    gates: _containers.RepeatedCompositeFieldContainer[Gate]
    approvals: _containers.RepeatedCompositeFieldContainer[Approval]
    created_at: str
    updated_at: str
    ended_at: str
    def __init__(self, number: _Optional[int] = ..., deployment: _Optional[str] = ..., from_stage: _Optional[str] = ..., to_stage: _Optional[str] = ..., package: _Optional[str] = ..., state: _Optional[str] = ..., message: _Optional[str] = ..., promoter: _Optional[str] = ..., reason: _Optional[str] = ..., revision: _Optional[int] = ..., result_revision: _Optional[int] = ..., source: _Optional[str] = ..., commit: _Optional[str] = ..., gates: _Optional[_Iterable[_Union[Gate, _Mapping[str, _Any]]]] = ..., approvals: _Optional[_Iterable[_Union[Approval, _Mapping[str, _Any]]]] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., ended_at: _Optional[str] = ...) -> None: ...

class Gate(_message.Message):
    __slots__ = ("gate", "state", "message", "evidence", "at")
    GATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    gate: str
    state: str
    message: str
    evidence: _struct_pb2.Struct
    at: str
    def __init__(self, gate: _Optional[str] = ..., state: _Optional[str] = ..., message: _Optional[str] = ..., evidence: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., at: _Optional[str] = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("author", "approved", "comment", "at")
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    author: str
    approved: bool
    comment: str
    at: str
    def __init__(self, author: _Optional[str] = ..., approved: _Optional[bool] = ..., comment: _Optional[str] = ..., at: _Optional[str] = ...) -> None: ...

class PromotionList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Promotion]
    def __init__(self, items: _Optional[_Iterable[_Union[Promotion, _Mapping[str, _Any]]]] = ...) -> None: ...

class PromoteRequest(_message.Message):
    __slots__ = ("project", "model", "version", "to", "reason")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    to: str
    reason: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., to: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListPromotionsRequest(_message.Message):
    __slots__ = ("project", "model", "version", "open", "most")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    open: bool
    most: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., open: _Optional[bool] = ..., most: _Optional[int] = ...) -> None: ...

class GetPromotionRequest(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class SteerPromotionRequest(_message.Message):
    __slots__ = ("number", "action", "comment")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    number: int
    action: str
    comment: str
    def __init__(self, number: _Optional[int] = ..., action: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...
