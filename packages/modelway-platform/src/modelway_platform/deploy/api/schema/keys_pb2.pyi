from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Key(_message.Message):
    __slots__ = ("id", "name", "role", "prefix", "consumer", "scopes", "created_at", "expires_at", "rotated_at", "previous_until", "revoked_at", "last_used_at", "limits", "quotas", "secret")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ROTATED_AT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_UNTIL_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    role: str
    prefix: str
    consumer: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    created_at: str
    expires_at: str
    rotated_at: str
    previous_until: str
    revoked_at: str
    last_used_at: str
    limits: _containers.RepeatedCompositeFieldContainer[KeyRate]
    quotas: _containers.RepeatedCompositeFieldContainer[KeyQuota]
    secret: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., role: _Optional[str] = ..., prefix: _Optional[str] = ..., consumer: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., created_at: _Optional[str] = ..., expires_at: _Optional[str] = ..., rotated_at: _Optional[str] = ..., previous_until: _Optional[str] = ..., revoked_at: _Optional[str] = ..., last_used_at: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[KeyRate, _Mapping[str, _Any]]]] = ..., quotas: _Optional[_Iterable[_Union[KeyQuota, _Mapping[str, _Any]]]] = ..., secret: _Optional[str] = ...) -> None: ...

class KeyRate(_message.Message):
    __slots__ = ("per", "requests", "window", "burst")
    PER_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    BURST_FIELD_NUMBER: _ClassVar[int]
    per: str
    requests: int
    window: str
    burst: int
    def __init__(self, per: _Optional[str] = ..., requests: _Optional[int] = ..., window: _Optional[str] = ..., burst: _Optional[int] = ...) -> None: ...

class KeyQuota(_message.Message):
    __slots__ = ("per", "requests", "window")
    PER_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    per: str
    requests: int
    window: str
    def __init__(self, per: _Optional[str] = ..., requests: _Optional[int] = ..., window: _Optional[str] = ...) -> None: ...

class KeyList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Key]
    def __init__(self, items: _Optional[_Iterable[_Union[Key, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateKeyRequest(_message.Message):
    __slots__ = ("name", "role", "consumer", "scopes", "expires", "limits", "quotas")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: str
    consumer: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    expires: str
    limits: _containers.RepeatedScalarFieldContainer[str]
    quotas: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., role: _Optional[str] = ..., consumer: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., expires: _Optional[str] = ..., limits: _Optional[_Iterable[str]] = ..., quotas: _Optional[_Iterable[str]] = ...) -> None: ...

class RotateKeyRequest(_message.Message):
    __slots__ = ("id", "grace")
    ID_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    id: str
    grace: str
    def __init__(self, id: _Optional[str] = ..., grace: _Optional[str] = ...) -> None: ...

class RevokeKeyRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class RevokedKey(_message.Message):
    __slots__ = ("id", "revoked")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    id: str
    revoked: bool
    def __init__(self, id: _Optional[str] = ..., revoked: _Optional[bool] = ...) -> None: ...
