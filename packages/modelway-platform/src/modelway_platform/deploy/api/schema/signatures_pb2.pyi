from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListPackageSignaturesRequest(_message.Message):
    __slots__ = ("digest", "for_project")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FOR_PROJECT_FIELD_NUMBER: _ClassVar[int]
    digest: str
    for_project: str
    def __init__(self, digest: _Optional[str] = ..., for_project: _Optional[str] = ...) -> None: ...

class AddPackageSignatureRequest(_message.Message):
    __slots__ = ("digest", "bundle")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    digest: str
    bundle: str
    def __init__(self, digest: _Optional[str] = ..., bundle: _Optional[str] = ...) -> None: ...

class PackageSignature(_message.Message):
    __slots__ = ("key_id", "package", "signed_at", "expires_at")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    SIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    package: str
    signed_at: str
    expires_at: str
    def __init__(self, key_id: _Optional[str] = ..., package: _Optional[str] = ..., signed_at: _Optional[str] = ..., expires_at: _Optional[str] = ...) -> None: ...

class PackageSignatureList(_message.Message):
    __slots__ = ("items", "refusal")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[PackageSignature]
    refusal: str
    def __init__(self, items: _Optional[_Iterable[_Union[PackageSignature, _Mapping[str, _Any]]]] = ..., refusal: _Optional[str] = ...) -> None: ...
