from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PruneImagesRequest(_message.Message):
    __slots__ = ("cluster", "revisions", "days", "dry_run")
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    cluster: str
    revisions: int
    days: float
    dry_run: bool
    def __init__(self, cluster: _Optional[str] = ..., revisions: _Optional[int] = ..., days: _Optional[float] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class PrunedImage(_message.Message):
    __slots__ = ("image", "tags", "package", "outcome", "reason")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    image: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    package: str
    outcome: str
    reason: str
    def __init__(self, image: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., package: _Optional[str] = ..., outcome: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
