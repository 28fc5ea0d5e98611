from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Status(_message.Message):
    __slots__ = ("version", "started_at", "deployments", "routes", "endpoints", "gateway", "grpc", "route_table", "outputs")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    GRPC_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    version: str
    started_at: str
    deployments: int
    routes: int
    endpoints: int
    gateway: str
    grpc: str
    route_table: TableStatus
    outputs: _containers.RepeatedCompositeFieldContainer[OutputStatus]
    def __init__(self, version: _Optional[str] = ..., started_at: _Optional[str] = ..., deployments: _Optional[int] = ..., routes: _Optional[int] = ..., endpoints: _Optional[int] = ..., gateway: _Optional[str] = ..., grpc: _Optional[str] = ..., route_table: _Optional[_Union[TableStatus, _Mapping[str, _Any]]] = ..., outputs: _Optional[_Iterable[_Union[OutputStatus, _Mapping[str, _Any]]]] = ...) -> None: ...

class OutputStatus(_message.Message):
    __slots__ = ("name", "kind", "sent_records", "refused_records", "dropped_records", "waiting_records", "lag_seconds", "failing")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENT_RECORDS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_RECORDS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_RECORDS_FIELD_NUMBER: _ClassVar[int]
    WAITING_RECORDS_FIELD_NUMBER: _ClassVar[int]
    LAG_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FAILING_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    sent_records: int
    refused_records: int
    dropped_records: int
    waiting_records: int
    lag_seconds: float
    failing: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., sent_records: _Optional[int] = ..., refused_records: _Optional[int] = ..., dropped_records: _Optional[int] = ..., waiting_records: _Optional[int] = ..., lag_seconds: _Optional[float] = ..., failing: _Optional[str] = ...) -> None: ...

class TableStatus(_message.Message):
    __slots__ = ("number", "models", "replicas", "confirmed", "refusal")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    number: int
    models: int
    replicas: int
    confirmed: int
    refusal: str
    def __init__(self, number: _Optional[int] = ..., models: _Optional[int] = ..., replicas: _Optional[int] = ..., confirmed: _Optional[int] = ..., refusal: _Optional[str] = ...) -> None: ...

class GetCallerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CallerInfo(_message.Message):
    __slots__ = ("name", "role", "projects")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: str
    projects: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., role: _Optional[str] = ..., projects: _Optional[_Iterable[str]] = ...) -> None: ...

class ListPrometheusTargetsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PrometheusTargets(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[PrometheusTarget]
    def __init__(self, items: _Optional[_Iterable[_Union[PrometheusTarget, _Mapping[str, _Any]]]] = ...) -> None: ...

class PrometheusTarget(_message.Message):
    __slots__ = ("targets", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    def __init__(self, targets: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...
