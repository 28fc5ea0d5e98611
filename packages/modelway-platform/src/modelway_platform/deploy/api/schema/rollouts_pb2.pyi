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

class Rollout(_message.Message):
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
    status: RolloutStatus
    def __init__(self, api_version: _Optional[str] = ..., kind: _Optional[str] = ..., metadata: _Optional[_Union[_documents_pb2.Metadata, _Mapping[str, _Any]]] = ..., spec: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., status: _Optional[_Union[RolloutStatus, _Mapping[str, _Any]]] = ...) -> None: ...

class RolloutStatus(_message.Message):
    __slots__ = ("phase", "message", "run", "observed_revision", "step", "steps", "weights", "next", "started_at", "step_at", "ended_at", "paused_by", "report", "commits")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_REVISION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STEP_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    PAUSED_BY_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    phase: str
    message: str
    run: int
    observed_revision: int
    step: int
    steps: int
    weights: _containers.RepeatedCompositeFieldContainer[VersionShare]
    next: _containers.RepeatedCompositeFieldContainer[VersionShare]
    started_at: str
    step_at: str
    ended_at: str
    paused_by: str
    report: _struct_pb2.Struct
    commits: RolloutCommits
    def __init__(self, phase: _Optional[str] = ..., message: _Optional[str] = ..., run: _Optional[int] = ..., observed_revision: _Optional[int] = ..., step: _Optional[int] = ..., steps: _Optional[int] = ..., weights: _Optional[_Iterable[_Union[VersionShare, _Mapping[str, _Any]]]] = ..., next: _Optional[_Iterable[_Union[VersionShare, _Mapping[str, _Any]]]] = ..., started_at: _Optional[str] = ..., step_at: _Optional[str] = ..., ended_at: _Optional[str] = ..., paused_by: _Optional[str] = ..., report: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., commits: _Optional[_Union[RolloutCommits, _Mapping[str, _Any]]] = ...) -> None: ...

class RolloutCommits(_message.Message):
    __slots__ = ("policy", "source", "pushed", "owed", "failed", "problem")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PUSHED_FIELD_NUMBER: _ClassVar[int]
    OWED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    policy: str
    source: str
    pushed: int
    owed: int
    failed: int
    problem: str
    def __init__(self, policy: _Optional[str] = ..., source: _Optional[str] = ..., pushed: _Optional[int] = ..., owed: _Optional[int] = ..., failed: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class VersionShare(_message.Message):
    __slots__ = ("version", "weight")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    version: str
    weight: int
    def __init__(self, version: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class RolloutList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Rollout]
    def __init__(self, items: _Optional[_Iterable[_Union[Rollout, _Mapping[str, _Any]]]] = ...) -> None: ...

class RolloutMove(_message.Message):
    __slots__ = ("run", "number", "at", "kind", "step", "before", "after", "route_revision", "author", "words", "numbers", "commit")
    RUN_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ROUTE_REVISION_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    run: int
    number: int
    at: str
    kind: str
    step: int
    before: _containers.RepeatedCompositeFieldContainer[VersionShare]
    after: _containers.RepeatedCompositeFieldContainer[VersionShare]
    route_revision: int
    author: str
    words: str
    numbers: _struct_pb2.Struct
    commit: RolloutMoveCommit
    def __init__(self, run: _Optional[int] = ..., number: _Optional[int] = ..., at: _Optional[str] = ..., kind: _Optional[str] = ..., step: _Optional[int] = ..., before: _Optional[_Iterable[_Union[VersionShare, _Mapping[str, _Any]]]] = ..., after: _Optional[_Iterable[_Union[VersionShare, _Mapping[str, _Any]]]] = ..., route_revision: _Optional[int] = ..., author: _Optional[str] = ..., words: _Optional[str] = ..., numbers: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., commit: _Optional[_Union[RolloutMoveCommit, _Mapping[str, _Any]]] = ...) -> None: ...

class RolloutMoveCommit(_message.Message):
    __slots__ = ("state", "source", "branch", "commit", "attempts", "problem")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    state: str
    source: str
    branch: str
    commit: str
    attempts: int
    problem: str
    def __init__(self, state: _Optional[str] = ..., source: _Optional[str] = ..., branch: _Optional[str] = ..., commit: _Optional[str] = ..., attempts: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class RolloutMoveList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RolloutMove]
    def __init__(self, items: _Optional[_Iterable[_Union[RolloutMove, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListRolloutsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchRolloutsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRolloutRequest(_message.Message):
    __slots__ = ("project", "model")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class DeleteRolloutRequest(_message.Message):
    __slots__ = ("project", "model", "expected_revision", "force")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    expected_revision: int
    force: bool
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., expected_revision: _Optional[int] = ..., force: _Optional[bool] = ...) -> None: ...

class UndoRolloutRequest(_message.Message):
    __slots__ = ("project", "model", "to_revision", "expected_revision")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TO_REVISION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    to_revision: int
    expected_revision: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., to_revision: _Optional[int] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class SteerRolloutRequest(_message.Message):
    __slots__ = ("project", "model", "action")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    action: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., action: _Optional[str] = ...) -> None: ...

class ListRolloutMovesRequest(_message.Message):
    __slots__ = ("project", "model", "run")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    run: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., run: _Optional[int] = ...) -> None: ...
