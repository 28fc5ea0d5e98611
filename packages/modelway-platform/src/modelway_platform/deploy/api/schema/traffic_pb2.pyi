from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetTrafficRequest(_message.Message):
    __slots__ = ("project", "model", "since", "until", "steps")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    since: str
    until: str
    steps: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., since: _Optional[str] = ..., until: _Optional[str] = ..., steps: _Optional[int] = ...) -> None: ...

class TrafficHistory(_message.Message):
    __slots__ = ("begin", "end", "step", "steps", "calls", "routes", "unknown")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    begin: int
    end: int
    step: int
    steps: _containers.RepeatedCompositeFieldContainer[TrafficStep]
    calls: _containers.RepeatedCompositeFieldContainer[TrafficCalls]
    routes: _containers.RepeatedCompositeFieldContainer[TrafficRoute]
    unknown: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, begin: _Optional[int] = ..., end: _Optional[int] = ..., step: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[TrafficStep, _Mapping[str, _Any]]]] = ..., calls: _Optional[_Iterable[_Union[TrafficCalls, _Mapping[str, _Any]]]] = ..., routes: _Optional[_Iterable[_Union[TrafficRoute, _Mapping[str, _Any]]]] = ..., unknown: _Optional[_Iterable[str]] = ...) -> None: ...

class TrafficStep(_message.Message):
    __slots__ = ("at", "requests", "failed", "source")
    AT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    at: int
    requests: int
    failed: int
    source: str
    def __init__(self, at: _Optional[int] = ..., requests: _Optional[int] = ..., failed: _Optional[int] = ..., source: _Optional[str] = ...) -> None: ...

class TrafficCalls(_message.Message):
    __slots__ = ("at", "project", "model", "version", "consumer", "mirrored", "requests", "refused", "failed", "p50_ms", "p99_ms")
    AT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_FIELD_NUMBER: _ClassVar[int]
    MIRRORED_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    P50_MS_FIELD_NUMBER: _ClassVar[int]
    P99_MS_FIELD_NUMBER: _ClassVar[int]
    at: int
    project: str
    model: str
    version: str
    consumer: str
    mirrored: bool
    requests: int
    refused: int
    failed: int
    p50_ms: float
    p99_ms: float
    def __init__(self, at: _Optional[int] = ..., project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., consumer: _Optional[str] = ..., mirrored: _Optional[bool] = ..., requests: _Optional[int] = ..., refused: _Optional[int] = ..., failed: _Optional[int] = ..., p50_ms: _Optional[float] = ..., p99_ms: _Optional[float] = ...) -> None: ...

class TrafficRoute(_message.Message):
    __slots__ = ("project", "model", "revisions")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    revisions: _containers.RepeatedCompositeFieldContainer[TrafficRevision]
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., revisions: _Optional[_Iterable[_Union[TrafficRevision, _Mapping[str, _Any]]]] = ...) -> None: ...

class TrafficRevision(_message.Message):
    __slots__ = ("at", "revision", "author", "cause", "weights", "mirrors", "experiments")
    AT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    MIRRORS_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENTS_FIELD_NUMBER: _ClassVar[int]
    at: float
    revision: int
    author: str
    cause: str
    weights: _containers.RepeatedCompositeFieldContainer[TrafficWeight]
    mirrors: _containers.RepeatedCompositeFieldContainer[TrafficMirror]
    experiments: _containers.RepeatedCompositeFieldContainer[TrafficExperiment]
    def __init__(self, at: _Optional[float] = ..., revision: _Optional[int] = ..., author: _Optional[str] = ..., cause: _Optional[str] = ..., weights: _Optional[_Iterable[_Union[TrafficWeight, _Mapping[str, _Any]]]] = ..., mirrors: _Optional[_Iterable[_Union[TrafficMirror, _Mapping[str, _Any]]]] = ..., experiments: _Optional[_Iterable[_Union[TrafficExperiment, _Mapping[str, _Any]]]] = ...) -> None: ...

class TrafficWeight(_message.Message):
    __slots__ = ("version", "weight")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    version: str
    weight: int
    def __init__(self, version: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class TrafficMirror(_message.Message):
    __slots__ = ("to", "share")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    to: str
    share: float
    def __init__(self, to: _Optional[str] = ..., share: _Optional[float] = ..., **kwargs) -> None: ...

class TrafficExperiment(_message.Message):
    __slots__ = ("name", "versions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    versions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., versions: _Optional[_Iterable[str]] = ...) -> None: ...
