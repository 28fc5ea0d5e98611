from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DocumentFile(_message.Message):
    __slots__ = ("name", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ApplyRequest(_message.Message):
    __slots__ = ("files", "packages", "dry_run", "expected_revisions")
    class PackagesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ExpectedRevisionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    FILES_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISIONS_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[DocumentFile]
    packages: _containers.ScalarMap[str, str]
    dry_run: bool
    expected_revisions: _containers.ScalarMap[str, int]
    def __init__(self, files: _Optional[_Iterable[_Union[DocumentFile, _Mapping[str, _Any]]]] = ..., packages: _Optional[_Mapping[str, str]] = ..., dry_run: _Optional[bool] = ..., expected_revisions: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ApplyAnswer(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Applied]
    def __init__(self, results: _Optional[_Iterable[_Union[Applied, _Mapping[str, _Any]]]] = ...) -> None: ...

class WatchDocumentsRequest(_message.Message):
    __slots__ = ("since", "kind", "project")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    since: int
    kind: str
    project: str
    def __init__(self, since: _Optional[int] = ..., kind: _Optional[str] = ..., project: _Optional[str] = ...) -> None: ...

class DocumentChange(_message.Message):
    __slots__ = ("sequence", "up_to_date", "kind", "name", "removed", "object")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    UP_TO_DATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    up_to_date: bool
    kind: str
    name: str
    removed: bool
    object: _struct_pb2.Struct
    def __init__(self, sequence: _Optional[int] = ..., up_to_date: _Optional[bool] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ..., removed: _Optional[bool] = ..., object: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ...) -> None: ...

class Applied(_message.Message):
    __slots__ = ("kind", "name", "action", "revision", "changes", "effects")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    action: str
    revision: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    effects: _containers.RepeatedCompositeFieldContainer[Effect]
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., action: _Optional[str] = ..., revision: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping[str, _Any]]]] = ..., effects: _Optional[_Iterable[_Union[Effect, _Mapping[str, _Any]]]] = ...) -> None: ...

class Effect(_message.Message):
    __slots__ = ("kind", "text")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    text: str
    def __init__(self, kind: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("path", "to")
    PATH_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    path: str
    to: _struct_pb2.Value
    def __init__(self, path: _Optional[str] = ..., to: _Optional[_Union[_struct_pb2.Value, _Mapping[str, _Any]]] = ..., **kwargs) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("project", "model", "version", "name", "revision", "created_at", "updated_at", "stage", "left_to")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    LEFT_TO_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    name: str
    revision: int
    created_at: str
    updated_at: str
    stage: str
    left_to: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., name: _Optional[str] = ..., revision: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., stage: _Optional[str] = ..., left_to: _Optional[str] = ...) -> None: ...

class Deployment(_message.Message):
    __slots__ = ("api_version", "kind", "metadata", "spec", "status")
    API_VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    api_version: str
    kind: str
    metadata: Metadata
    spec: _struct_pb2.Struct
    status: DeploymentStatus
    def __init__(self, api_version: _Optional[str] = ..., kind: _Optional[str] = ..., metadata: _Optional[_Union[Metadata, _Mapping[str, _Any]]] = ..., spec: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., status: _Optional[_Union[DeploymentStatus, _Mapping[str, _Any]]] = ...) -> None: ...

class DeploymentStatus(_message.Message):
    __slots__ = ("phase", "message", "observed_revision", "replicas", "conditions", "clusters")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    phase: str
    message: str
    observed_revision: int
    replicas: ReplicaCounts
    conditions: _containers.RepeatedCompositeFieldContainer[Condition]
    clusters: _containers.RepeatedCompositeFieldContainer[ClusterProgress]
    def __init__(self, phase: _Optional[str] = ..., message: _Optional[str] = ..., observed_revision: _Optional[int] = ..., replicas: _Optional[_Union[ReplicaCounts, _Mapping[str, _Any]]] = ..., conditions: _Optional[_Iterable[_Union[Condition, _Mapping[str, _Any]]]] = ..., clusters: _Optional[_Iterable[_Union[ClusterProgress, _Mapping[str, _Any]]]] = ...) -> None: ...

class ClusterProgress(_message.Message):
    __slots__ = ("name", "step", "phase", "message", "replicas", "passed_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    PASSED_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    step: int
    phase: str
    message: str
    replicas: ReplicaCounts
    passed_at: str
    def __init__(self, name: _Optional[str] = ..., step: _Optional[int] = ..., phase: _Optional[str] = ..., message: _Optional[str] = ..., replicas: _Optional[_Union[ReplicaCounts, _Mapping[str, _Any]]] = ..., passed_at: _Optional[str] = ...) -> None: ...

class ReplicaCounts(_message.Message):
    __slots__ = ("wanted", "ready", "updated")
    WANTED_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    wanted: int
    ready: int
    updated: int
    def __init__(self, wanted: _Optional[int] = ..., ready: _Optional[int] = ..., updated: _Optional[int] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ("type", "status", "reason", "message", "since")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    type: str
    status: bool
    reason: str
    message: str
    since: str
    def __init__(self, type: _Optional[str] = ..., status: _Optional[bool] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., since: _Optional[str] = ...) -> None: ...

class ListDeploymentPhasesRequest(_message.Message):
    __slots__ = ("project", "model", "version", "revision")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    revision: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class PhaseList(_message.Message):
    __slots__ = ("revision", "items")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    items: _containers.RepeatedCompositeFieldContainer[Phase]
    def __init__(self, revision: _Optional[int] = ..., items: _Optional[_Iterable[_Union[Phase, _Mapping[str, _Any]]]] = ...) -> None: ...

class Phase(_message.Message):
    __slots__ = ("phase", "state", "attempts", "message", "done", "total", "started_at", "ended_at", "log")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    phase: str
    state: str
    attempts: int
    message: str
    done: int
    total: int
    started_at: str
    ended_at: str
    log: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, phase: _Optional[str] = ..., state: _Optional[str] = ..., attempts: _Optional[int] = ..., message: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., started_at: _Optional[str] = ..., ended_at: _Optional[str] = ..., log: _Optional[_Iterable[str]] = ...) -> None: ...

class SteerDeploymentRequest(_message.Message):
    __slots__ = ("project", "model", "version", "action", "expected_revision", "phase")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    action: str
    expected_revision: int
    phase: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., action: _Optional[str] = ..., expected_revision: _Optional[int] = ..., phase: _Optional[str] = ...) -> None: ...

class Steered(_message.Message):
    __slots__ = ("revision", "action")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    action: str
    def __init__(self, revision: _Optional[int] = ..., action: _Optional[str] = ...) -> None: ...

class DeploymentList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Deployment]
    def __init__(self, items: _Optional[_Iterable[_Union[Deployment, _Mapping[str, _Any]]]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("api_version", "kind", "metadata", "spec", "status")
    API_VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    api_version: str
    kind: str
    metadata: Metadata
    spec: _struct_pb2.Struct
    status: _struct_pb2.Struct
    def __init__(self, api_version: _Optional[str] = ..., kind: _Optional[str] = ..., metadata: _Optional[_Union[Metadata, _Mapping[str, _Any]]] = ..., spec: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., status: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ...) -> None: ...

class RouteList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Route]
    def __init__(self, items: _Optional[_Iterable[_Union[Route, _Mapping[str, _Any]]]] = ...) -> None: ...

class Cluster(_message.Message):
    __slots__ = ("api_version", "kind", "metadata", "spec", "status")
    API_VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    api_version: str
    kind: str
    metadata: Metadata
    spec: _struct_pb2.Struct
    status: _struct_pb2.Struct
    def __init__(self, api_version: _Optional[str] = ..., kind: _Optional[str] = ..., metadata: _Optional[_Union[Metadata, _Mapping[str, _Any]]] = ..., spec: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., status: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ...) -> None: ...

class ClusterList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Cluster]
    def __init__(self, items: _Optional[_Iterable[_Union[Cluster, _Mapping[str, _Any]]]] = ...) -> None: ...

class Revision(_message.Message):
    __slots__ = ("number", "author", "cause", "created_at", "document")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    number: int
    author: str
    cause: str
    created_at: str
    document: _struct_pb2.Struct
    def __init__(self, number: _Optional[int] = ..., author: _Optional[str] = ..., cause: _Optional[str] = ..., created_at: _Optional[str] = ..., document: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ...) -> None: ...

class RevisionList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Revision]
    def __init__(self, items: _Optional[_Iterable[_Union[Revision, _Mapping[str, _Any]]]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("type", "reason", "message", "count", "first_at", "last_at")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_AT_FIELD_NUMBER: _ClassVar[int]
    type: str
    reason: str
    message: str
    count: int
    first_at: str
    last_at: str
    def __init__(self, type: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., count: _Optional[int] = ..., first_at: _Optional[str] = ..., last_at: _Optional[str] = ...) -> None: ...

class EventList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, items: _Optional[_Iterable[_Union[Event, _Mapping[str, _Any]]]] = ...) -> None: ...

class Deleted(_message.Message):
    __slots__ = ("kind", "name", "revision")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    revision: int
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ListDeploymentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchDeploymentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDeploymentRequest(_message.Message):
    __slots__ = ("project", "model", "version")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class DeleteDeploymentRequest(_message.Message):
    __slots__ = ("project", "model", "version", "force", "expected_revision")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    force: bool
    expected_revision: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., force: _Optional[bool] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class UndoDeploymentRequest(_message.Message):
    __slots__ = ("project", "model", "version", "to_revision", "expected_revision")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_REVISION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    to_revision: int
    expected_revision: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., to_revision: _Optional[int] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class ListRoutesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchRoutesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRouteRequest(_message.Message):
    __slots__ = ("project", "model")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class DeleteRouteRequest(_message.Message):
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

class UndoRouteRequest(_message.Message):
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

class ListClustersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchClustersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetClusterRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteClusterRequest(_message.Message):
    __slots__ = ("name", "expected_revision", "force")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    expected_revision: int
    force: bool
    def __init__(self, name: _Optional[str] = ..., expected_revision: _Optional[int] = ..., force: _Optional[bool] = ...) -> None: ...

class UndoClusterRequest(_message.Message):
    __slots__ = ("name", "to_revision", "expected_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TO_REVISION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    to_revision: int
    expected_revision: int
    def __init__(self, name: _Optional[str] = ..., to_revision: _Optional[int] = ..., expected_revision: _Optional[int] = ...) -> None: ...
