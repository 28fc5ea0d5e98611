from typing import Any as _Any
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
RULE_FIELD_NUMBER: _ClassVar[int]
rule: _descriptor.FieldDescriptor

class Rule(_message.Message):
    __slots__ = ("role", "http_status", "location", "secret", "watches", "max_body_bytes", "scope", "project_in", "media_type")
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ROLE_UNSPECIFIED: _ClassVar[Rule.Role]
        READER: _ClassVar[Rule.Role]
        DEPLOYER: _ClassVar[Rule.Role]
        ANY_DEPLOYER: _ClassVar[Rule.Role]
        ADMIN: _ClassVar[Rule.Role]
        REPLICA: _ClassVar[Rule.Role]
        GATEWAY: _ClassVar[Rule.Role]
        RECORDER: _ClassVar[Rule.Role]
    ROLE_UNSPECIFIED: Rule.Role
    READER: Rule.Role
    DEPLOYER: Rule.Role
    ANY_DEPLOYER: Rule.Role
    ADMIN: Rule.Role
    REPLICA: Rule.Role
    GATEWAY: Rule.Role
    RECORDER: Rule.Role
    class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BY_REQUEST: _ClassVar[Rule.Scope]
        BY_ANSWER: _ClassVar[Rule.Scope]
        PLATFORM: _ClassVar[Rule.Scope]
        BY_METHOD: _ClassVar[Rule.Scope]
    BY_REQUEST: Rule.Scope
    BY_ANSWER: Rule.Scope
    PLATFORM: Rule.Scope
    BY_METHOD: Rule.Scope
    ROLE_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    WATCHES_FIELD_NUMBER: _ClassVar[int]
    MAX_BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_IN_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    role: Rule.Role
    http_status: int
    location: str
    secret: bool
    watches: str
    max_body_bytes: int
    scope: Rule.Scope
    project_in: str
    media_type: str
    def __init__(self, role: _Optional[_Union[Rule.Role, str]] = ..., http_status: _Optional[int] = ..., location: _Optional[str] = ..., secret: _Optional[bool] = ..., watches: _Optional[str] = ..., max_body_bytes: _Optional[int] = ..., scope: _Optional[_Union[Rule.Scope, str]] = ..., project_in: _Optional[str] = ..., media_type: _Optional[str] = ...) -> None: ...
