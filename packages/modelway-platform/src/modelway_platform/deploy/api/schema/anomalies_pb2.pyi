from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Anomaly(_message.Message):
    __slots__ = ("id", "project", "model", "cause", "kind", "state", "words", "versions", "opened_at", "seen_at", "resolved_at", "reason", "times", "acknowledged_by", "acknowledged_at", "note", "muted", "finding", "evidence", "together")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_BY_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    TOGETHER_FIELD_NUMBER: _ClassVar[int]
    id: str
    project: str
    model: str
    cause: str
    kind: str
    state: str
    words: str
    versions: _containers.RepeatedScalarFieldContainer[str]
    opened_at: str
    seen_at: str
    resolved_at: str
    reason: str
    times: int
    acknowledged_by: str
    acknowledged_at: str
    note: str
    muted: bool
    finding: _struct_pb2.Struct
    evidence: _struct_pb2.Struct
    together: AnomalyTogether
    def __init__(self, id: _Optional[str] = ..., project: _Optional[str] = ..., model: _Optional[str] = ..., cause: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[str] = ..., words: _Optional[str] = ..., versions: _Optional[_Iterable[str]] = ..., opened_at: _Optional[str] = ..., seen_at: _Optional[str] = ..., resolved_at: _Optional[str] = ..., reason: _Optional[str] = ..., times: _Optional[int] = ..., acknowledged_by: _Optional[str] = ..., acknowledged_at: _Optional[str] = ..., note: _Optional[str] = ..., muted: _Optional[bool] = ..., finding: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., evidence: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., together: _Optional[_Union[AnomalyTogether, _Mapping[str, _Any]]] = ...) -> None: ...

class AnomalyTogether(_message.Message):
    __slots__ = ("id", "kind", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    name: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class AnomalyList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Anomaly]
    def __init__(self, items: _Optional[_Iterable[_Union[Anomaly, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListAnomaliesRequest(_message.Message):
    __slots__ = ("project", "model", "state", "most")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    state: str
    most: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., state: _Optional[str] = ..., most: _Optional[int] = ...) -> None: ...

class GetAnomalyRequest(_message.Message):
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class AcknowledgeAnomalyRequest(_message.Message):
    __slots__ = ("project", "id", "note")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    note: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class AnomalyMute(_message.Message):
    __slots__ = ("id", "project", "model", "cause", "until", "author", "note")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    id: str
    project: str
    model: str
    cause: str
    until: str
    author: str
    note: str
    def __init__(self, id: _Optional[str] = ..., project: _Optional[str] = ..., model: _Optional[str] = ..., cause: _Optional[str] = ..., until: _Optional[str] = ..., author: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class AnomalyMuteList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[AnomalyMute]
    def __init__(self, items: _Optional[_Iterable[_Union[AnomalyMute, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListAnomalyMutesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MuteAnomaliesRequest(_message.Message):
    __slots__ = ("project", "model", "cause", "note")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    FOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    cause: str
    note: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., cause: _Optional[str] = ..., note: _Optional[str] = ..., **kwargs) -> None: ...

class UnmuteAnomaliesRequest(_message.Message):
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class Unmuted(_message.Message):
    __slots__ = ("id", "removed")
    ID_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    id: str
    removed: bool
    def __init__(self, id: _Optional[str] = ..., removed: _Optional[bool] = ...) -> None: ...

class AnomalyPolicy(_message.Message):
    __slots__ = ("project", "model", "sensitivity", "causes", "author", "updated_at")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    sensitivity: str
    causes: _containers.RepeatedScalarFieldContainer[str]
    author: str
    updated_at: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., sensitivity: _Optional[str] = ..., causes: _Optional[_Iterable[str]] = ..., author: _Optional[str] = ..., updated_at: _Optional[str] = ...) -> None: ...

class AnomalyPolicyList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[AnomalyPolicy]
    def __init__(self, items: _Optional[_Iterable[_Union[AnomalyPolicy, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListAnomalyPoliciesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetAnomalyPolicyRequest(_message.Message):
    __slots__ = ("project", "model", "sensitivity", "causes")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    sensitivity: str
    causes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., sensitivity: _Optional[str] = ..., causes: _Optional[_Iterable[str]] = ...) -> None: ...

class GetSeriesRequest(_message.Message):
    __slots__ = ("project", "model", "since")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    since: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., since: _Optional[str] = ...) -> None: ...

class ModelSeries(_message.Message):
    __slots__ = ("step", "times", "model", "versions", "usual", "judgements")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    USUAL_FIELD_NUMBER: _ClassVar[int]
    JUDGEMENTS_FIELD_NUMBER: _ClassVar[int]
    step: int
    times: _containers.RepeatedScalarFieldContainer[int]
    model: _struct_pb2.Struct
    versions: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    usual: _struct_pb2.Struct
    judgements: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    def __init__(self, step: _Optional[int] = ..., times: _Optional[_Iterable[int]] = ..., model: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., versions: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]]] = ..., usual: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., judgements: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]]] = ...) -> None: ...
