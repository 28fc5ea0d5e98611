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

class ReadLogsRequest(_message.Message):
    __slots__ = ("source", "project", "model", "version", "replica", "request_id", "experiment", "mirrored", "status", "slower", "consumer", "tail", "follow")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    MIRRORED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SLOWER_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    source: str
    project: str
    model: str
    version: str
    replica: str
    request_id: str
    experiment: str
    mirrored: bool
    status: str
    slower: str
    consumer: str
    tail: int
    follow: bool
    def __init__(self, source: _Optional[str] = ..., project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., replica: _Optional[str] = ..., request_id: _Optional[str] = ..., experiment: _Optional[str] = ..., mirrored: _Optional[bool] = ..., status: _Optional[str] = ..., slower: _Optional[str] = ..., consumer: _Optional[str] = ..., tail: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class QueryLogsRequest(_message.Message):
    __slots__ = ("sql", "since", "rows", "seconds")
    SQL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    sql: str
    since: str
    rows: int
    seconds: float
    def __init__(self, sql: _Optional[str] = ..., since: _Optional[str] = ..., rows: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...

class QueryAnswer(_message.Message):
    __slots__ = ("columns", "rows", "truncated")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[QueryColumn]
    rows: _containers.RepeatedCompositeFieldContainer[_struct_pb2.ListValue]
    truncated: bool
    def __init__(self, columns: _Optional[_Iterable[_Union[QueryColumn, _Mapping[str, _Any]]]] = ..., rows: _Optional[_Iterable[_Union[_struct_pb2.ListValue, _Mapping[str, _Any]]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class QueryColumn(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class AskLogsRequest(_message.Message):
    __slots__ = ("question", "since", "project", "model", "version", "rows", "seconds")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    question: str
    since: str
    project: str
    model: str
    version: str
    rows: int
    seconds: float
    def __init__(self, question: _Optional[str] = ..., since: _Optional[str] = ..., project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., rows: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...

class AskAnswer(_message.Message):
    __slots__ = ("sql", "answer")
    SQL_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    sql: str
    answer: QueryAnswer
    def __init__(self, sql: _Optional[str] = ..., answer: _Optional[_Union[QueryAnswer, _Mapping[str, _Any]]] = ...) -> None: ...

class ListLogQuestionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogQuestionList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[LogQuestion]
    def __init__(self, items: _Optional[_Iterable[_Union[LogQuestion, _Mapping[str, _Any]]]] = ...) -> None: ...

class LogQuestion(_message.Message):
    __slots__ = ("name", "about")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    about: str
    def __init__(self, name: _Optional[str] = ..., about: _Optional[str] = ...) -> None: ...

class ExportLogsRequest(_message.Message):
    __slots__ = ("project", "model", "version", "since", "until", "labelled", "mirrored")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    LABELLED_FIELD_NUMBER: _ClassVar[int]
    MIRRORED_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    version: str
    since: str
    until: str
    labelled: bool
    mirrored: bool
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., since: _Optional[str] = ..., until: _Optional[str] = ..., labelled: _Optional[bool] = ..., mirrored: _Optional[bool] = ...) -> None: ...

class SendFeedbackRequest(_message.Message):
    __slots__ = ("request_id", "label", "reward", "project", "items")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    label: _struct_pb2.Value
    reward: float
    project: str
    items: _containers.RepeatedCompositeFieldContainer[FeedbackItem]
    def __init__(self, request_id: _Optional[str] = ..., label: _Optional[_Union[_struct_pb2.Value, _Mapping[str, _Any]]] = ..., reward: _Optional[float] = ..., project: _Optional[str] = ..., items: _Optional[_Iterable[_Union[FeedbackItem, _Mapping[str, _Any]]]] = ...) -> None: ...

class FeedbackItem(_message.Message):
    __slots__ = ("request_id", "label", "reward", "project")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    label: _struct_pb2.Value
    reward: float
    project: str
    def __init__(self, request_id: _Optional[str] = ..., label: _Optional[_Union[_struct_pb2.Value, _Mapping[str, _Any]]] = ..., reward: _Optional[float] = ..., project: _Optional[str] = ...) -> None: ...

class TakenFeedback(_message.Message):
    __slots__ = ("accepted",)
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    def __init__(self, accepted: _Optional[int] = ...) -> None: ...
