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

class Source(_message.Message):
    __slots__ = ("name", "repository", "branch", "path", "poll_seconds", "drift", "prune", "projects", "credentials", "head", "applied", "documents", "drifted", "checked_at", "problem", "created_at", "commits", "etag", "writes", "written")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    POLL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    DRIFTED_FIELD_NUMBER: _ClassVar[int]
    CHECKED_AT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    repository: str
    branch: str
    path: str
    poll_seconds: float
    drift: str
    prune: bool
    projects: _containers.RepeatedScalarFieldContainer[str]
    credentials: str
    head: str
    applied: str
    documents: _containers.RepeatedCompositeFieldContainer[SourceDocument]
    drifted: _containers.RepeatedCompositeFieldContainer[Drifted]
    checked_at: str
    problem: str
    created_at: str
    commits: _containers.RepeatedCompositeFieldContainer[Commit]
    etag: str
    writes: str
    written: _containers.RepeatedCompositeFieldContainer[Write]
    def __init__(self, name: _Optional[str] = ..., repository: _Optional[str] = ..., branch: _Optional[str] = ..., path: _Optional[str] = ..., poll_seconds: _Optional[float] = ..., drift: _Optional[str] = ..., prune: _Optional[bool] = ..., projects: _Optional[_Iterable[str]] = ..., credentials: _Optional[str] = ..., head: _Optional[str] = ..., applied: _Optional[str] = ..., documents: _Optional[_Iterable[_Union[SourceDocument, _Mapping[str, _Any]]]] = ..., drifted: _Optional[_Iterable[_Union[Drifted, _Mapping[str, _Any]]]] = ..., checked_at: _Optional[str] = ..., problem: _Optional[str] = ..., created_at: _Optional[str] = ..., commits: _Optional[_Iterable[_Union[Commit, _Mapping[str, _Any]]]] = ..., etag: _Optional[str] = ..., writes: _Optional[str] = ..., written: _Optional[_Iterable[_Union[Write, _Mapping[str, _Any]]]] = ...) -> None: ...

class Write(_message.Message):
    __slots__ = ("number", "subject", "author", "state", "branch", "commit", "attempts", "problem", "created_at", "updated_at")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    number: int
    subject: str
    author: str
    state: str
    branch: str
    commit: str
    attempts: int
    problem: str
    created_at: str
    updated_at: str
    def __init__(self, number: _Optional[int] = ..., subject: _Optional[str] = ..., author: _Optional[str] = ..., state: _Optional[str] = ..., branch: _Optional[str] = ..., commit: _Optional[str] = ..., attempts: _Optional[int] = ..., problem: _Optional[str] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ...) -> None: ...

class SourceDocument(_message.Message):
    __slots__ = ("kind", "name")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Drifted(_message.Message):
    __slots__ = ("kind", "name", "missing", "changes")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    missing: bool
    changes: _containers.RepeatedCompositeFieldContainer[DriftedField]
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., missing: _Optional[bool] = ..., changes: _Optional[_Iterable[_Union[DriftedField, _Mapping[str, _Any]]]] = ...) -> None: ...

class DriftedField(_message.Message):
    __slots__ = ("path", "before", "after")
    PATH_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    path: str
    before: _struct_pb2.Value
    after: _struct_pb2.Value
    def __init__(self, path: _Optional[str] = ..., before: _Optional[_Union[_struct_pb2.Value, _Mapping[str, _Any]]] = ..., after: _Optional[_Union[_struct_pb2.Value, _Mapping[str, _Any]]] = ...) -> None: ...

class Commit(_message.Message):
    __slots__ = ("commit", "author", "subject", "committed_at", "seen_at", "state", "message", "details")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    commit: str
    author: str
    subject: str
    committed_at: str
    seen_at: str
    state: str
    message: str
    details: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    def __init__(self, commit: _Optional[str] = ..., author: _Optional[str] = ..., subject: _Optional[str] = ..., committed_at: _Optional[str] = ..., seen_at: _Optional[str] = ..., state: _Optional[str] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]]] = ...) -> None: ...

class SourceList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Source]
    def __init__(self, items: _Optional[_Iterable[_Union[Source, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListSourcesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSourceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class SetSourceRequest(_message.Message):
    __slots__ = ("name", "repository", "branch", "path", "poll_seconds", "drift", "prune", "projects", "credentials", "expected_etag", "writes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    POLL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ETAG_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    name: str
    repository: str
    branch: str
    path: str
    poll_seconds: float
    drift: str
    prune: bool
    projects: _containers.RepeatedScalarFieldContainer[str]
    credentials: str
    expected_etag: str
    writes: str
    def __init__(self, name: _Optional[str] = ..., repository: _Optional[str] = ..., branch: _Optional[str] = ..., path: _Optional[str] = ..., poll_seconds: _Optional[float] = ..., drift: _Optional[str] = ..., prune: _Optional[bool] = ..., projects: _Optional[_Iterable[str]] = ..., credentials: _Optional[str] = ..., expected_etag: _Optional[str] = ..., writes: _Optional[str] = ...) -> None: ...

class RemoveSourceRequest(_message.Message):
    __slots__ = ("name", "expected_etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    expected_etag: str
    def __init__(self, name: _Optional[str] = ..., expected_etag: _Optional[str] = ...) -> None: ...

class RemovedSource(_message.Message):
    __slots__ = ("name", "removed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    name: str
    removed: bool
    def __init__(self, name: _Optional[str] = ..., removed: _Optional[bool] = ...) -> None: ...

class SyncSourceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class SyncedSource(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
