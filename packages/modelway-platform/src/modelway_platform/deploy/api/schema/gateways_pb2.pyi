from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListGatewaysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GatewayList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Gateway]
    def __init__(self, items: _Optional[_Iterable[_Union[Gateway, _Mapping[str, _Any]]]] = ...) -> None: ...

class Gateway(_message.Message):
    __slots__ = ("id", "table", "newest", "reason", "taken_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TAKEN_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    table: int
    newest: int
    reason: str
    taken_at: str
    def __init__(self, id: _Optional[str] = ..., table: _Optional[int] = ..., newest: _Optional[int] = ..., reason: _Optional[str] = ..., taken_at: _Optional[str] = ...) -> None: ...

class GetRouteTableRequest(_message.Message):
    __slots__ = ("after", "wait")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    after: float
    wait: float
    def __init__(self, after: _Optional[float] = ..., wait: _Optional[float] = ...) -> None: ...

class GetRouteTablePartRequest(_message.Message):
    __slots__ = ("digest",)
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    digest: str
    def __init__(self, digest: _Optional[str] = ...) -> None: ...

class ReportGatewayRequest(_message.Message):
    __slots__ = ("name", "workers", "load")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    name: str
    workers: _containers.RepeatedCompositeFieldContainer[WorkerWord]
    load: _containers.RepeatedCompositeFieldContainer[WorkerLoad]
    def __init__(self, name: _Optional[str] = ..., workers: _Optional[_Iterable[_Union[WorkerWord, _Mapping[str, _Any]]]] = ..., load: _Optional[_Iterable[_Union[WorkerLoad, _Mapping[str, _Any]]]] = ...) -> None: ...

class WorkerWord(_message.Message):
    __slots__ = ("worker", "number", "reason", "at")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    worker: int
    number: int
    reason: str
    at: float
    def __init__(self, worker: _Optional[int] = ..., number: _Optional[int] = ..., reason: _Optional[str] = ..., at: _Optional[float] = ...) -> None: ...

class WorkerLoad(_message.Message):
    __slots__ = ("worker", "versions")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    worker: int
    versions: _containers.RepeatedCompositeFieldContainer[VersionLoad]
    def __init__(self, worker: _Optional[int] = ..., versions: _Optional[_Iterable[_Union[VersionLoad, _Mapping[str, _Any]]]] = ...) -> None: ...

class VersionLoad(_message.Message):
    __slots__ = ("name", "in_flight", "held", "active", "refused")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    name: str
    in_flight: float
    held: int
    active: bool
    refused: int
    def __init__(self, name: _Optional[str] = ..., in_flight: _Optional[float] = ..., held: _Optional[int] = ..., active: _Optional[bool] = ..., refused: _Optional[int] = ...) -> None: ...

class ReportedGateway(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExplainRequestRequest(_message.Message):
    __slots__ = ("target", "method", "headers", "as_key", "body_bytes")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    AS_KEY_FIELD_NUMBER: _ClassVar[int]
    BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    target: str
    method: str
    headers: _containers.RepeatedCompositeFieldContainer[_struct_pb2.ListValue]
    as_key: str
    body_bytes: int
    def __init__(self, target: _Optional[str] = ..., method: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[_struct_pb2.ListValue, _Mapping[str, _Any]]]] = ..., as_key: _Optional[str] = ..., body_bytes: _Optional[int] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("table", "answer", "route", "version", "replica", "sent", "reason", "consumer", "steps", "versions", "replicas", "limits", "copies")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    COPIES_FIELD_NUMBER: _ClassVar[int]
    table: int
    answer: LocalAnswer
    route: str
    version: str
    replica: str
    sent: str
    reason: str
    consumer: str
    steps: _containers.RepeatedCompositeFieldContainer[ExplainedStep]
    versions: _containers.RepeatedCompositeFieldContainer[VersionChance]
    replicas: _containers.RepeatedCompositeFieldContainer[ExplainedReplica]
    limits: _containers.RepeatedScalarFieldContainer[str]
    copies: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, table: _Optional[int] = ..., answer: _Optional[_Union[LocalAnswer, _Mapping[str, _Any]]] = ..., route: _Optional[str] = ..., version: _Optional[str] = ..., replica: _Optional[str] = ..., sent: _Optional[str] = ..., reason: _Optional[str] = ..., consumer: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[ExplainedStep, _Mapping[str, _Any]]]] = ..., versions: _Optional[_Iterable[_Union[VersionChance, _Mapping[str, _Any]]]] = ..., replicas: _Optional[_Iterable[_Union[ExplainedReplica, _Mapping[str, _Any]]]] = ..., limits: _Optional[_Iterable[str]] = ..., copies: _Optional[_Iterable[str]] = ...) -> None: ...

class LocalAnswer(_message.Message):
    __slots__ = ("status", "code", "message", "hint")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    status: int
    code: str
    message: str
    hint: str
    def __init__(self, status: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class ExplainedStep(_message.Message):
    __slots__ = ("stage", "outcome")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    stage: str
    outcome: str
    def __init__(self, stage: _Optional[str] = ..., outcome: _Optional[str] = ...) -> None: ...

class VersionChance(_message.Message):
    __slots__ = ("version", "weight", "share", "replicas", "chosen")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    version: str
    weight: int
    share: float
    replicas: int
    chosen: bool
    def __init__(self, version: _Optional[str] = ..., weight: _Optional[int] = ..., share: _Optional[float] = ..., replicas: _Optional[int] = ..., chosen: _Optional[bool] = ...) -> None: ...

class ExplainedReplica(_message.Message):
    __slots__ = ("id", "address", "state", "chosen")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    address: str
    state: str
    chosen: bool
    def __init__(self, id: _Optional[str] = ..., address: _Optional[str] = ..., state: _Optional[str] = ..., chosen: _Optional[bool] = ...) -> None: ...
