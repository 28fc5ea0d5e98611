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

class Issuer(_message.Message):
    __slots__ = ("name", "issuer", "audiences", "key_set_url", "refresh_seconds", "algorithms", "leeway_seconds", "consumer_claim", "scopes", "scopes_claim", "required", "keys", "fetched_at", "problem", "created_at", "etag")
    class RequiredEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    AUDIENCES_FIELD_NUMBER: _ClassVar[int]
    KEY_SET_URL_FIELD_NUMBER: _ClassVar[int]
    REFRESH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ALGORITHMS_FIELD_NUMBER: _ClassVar[int]
    LEEWAY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_CLAIM_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    SCOPES_CLAIM_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    FETCHED_AT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    issuer: str
    audiences: _containers.RepeatedScalarFieldContainer[str]
    key_set_url: str
    refresh_seconds: float
    algorithms: _containers.RepeatedScalarFieldContainer[str]
    leeway_seconds: float
    consumer_claim: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    scopes_claim: str
    required: _containers.ScalarMap[str, str]
    keys: _containers.RepeatedCompositeFieldContainer[IssuerKey]
    fetched_at: str
    problem: str
    created_at: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., issuer: _Optional[str] = ..., audiences: _Optional[_Iterable[str]] = ..., key_set_url: _Optional[str] = ..., refresh_seconds: _Optional[float] = ..., algorithms: _Optional[_Iterable[str]] = ..., leeway_seconds: _Optional[float] = ..., consumer_claim: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., scopes_claim: _Optional[str] = ..., required: _Optional[_Mapping[str, str]] = ..., keys: _Optional[_Iterable[_Union[IssuerKey, _Mapping[str, _Any]]]] = ..., fetched_at: _Optional[str] = ..., problem: _Optional[str] = ..., created_at: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class IssuerKey(_message.Message):
    __slots__ = ("kid", "kty", "alg", "crv")
    KID_FIELD_NUMBER: _ClassVar[int]
    KTY_FIELD_NUMBER: _ClassVar[int]
    ALG_FIELD_NUMBER: _ClassVar[int]
    CRV_FIELD_NUMBER: _ClassVar[int]
    kid: str
    kty: str
    alg: str
    crv: str
    def __init__(self, kid: _Optional[str] = ..., kty: _Optional[str] = ..., alg: _Optional[str] = ..., crv: _Optional[str] = ...) -> None: ...

class IssuerList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Issuer]
    def __init__(self, items: _Optional[_Iterable[_Union[Issuer, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListIssuersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetIssuerRequest(_message.Message):
    __slots__ = ("name", "issuer", "audiences", "key_set_url", "key_set", "refresh_seconds", "algorithms", "leeway_seconds", "consumer_claim", "scopes", "scopes_claim", "required", "expected_etag")
    class RequiredEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    AUDIENCES_FIELD_NUMBER: _ClassVar[int]
    KEY_SET_URL_FIELD_NUMBER: _ClassVar[int]
    KEY_SET_FIELD_NUMBER: _ClassVar[int]
    REFRESH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ALGORITHMS_FIELD_NUMBER: _ClassVar[int]
    LEEWAY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_CLAIM_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    SCOPES_CLAIM_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    issuer: str
    audiences: _containers.RepeatedScalarFieldContainer[str]
    key_set_url: str
    key_set: _struct_pb2.Struct
    refresh_seconds: float
    algorithms: _containers.RepeatedScalarFieldContainer[str]
    leeway_seconds: float
    consumer_claim: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    scopes_claim: str
    required: _containers.ScalarMap[str, str]
    expected_etag: str
    def __init__(self, name: _Optional[str] = ..., issuer: _Optional[str] = ..., audiences: _Optional[_Iterable[str]] = ..., key_set_url: _Optional[str] = ..., key_set: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, _Any]]] = ..., refresh_seconds: _Optional[float] = ..., algorithms: _Optional[_Iterable[str]] = ..., leeway_seconds: _Optional[float] = ..., consumer_claim: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., scopes_claim: _Optional[str] = ..., required: _Optional[_Mapping[str, str]] = ..., expected_etag: _Optional[str] = ...) -> None: ...

class RemoveIssuerRequest(_message.Message):
    __slots__ = ("name", "expected_etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    expected_etag: str
    def __init__(self, name: _Optional[str] = ..., expected_etag: _Optional[str] = ...) -> None: ...

class RemovedIssuer(_message.Message):
    __slots__ = ("name", "removed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    name: str
    removed: bool
    def __init__(self, name: _Optional[str] = ..., removed: _Optional[bool] = ...) -> None: ...
