"""What things are called: the names every other value refers to."""

import re
from dataclasses import dataclass

NAME_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
VERSION_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(NAME_PATTERN)
_VERSION = re.compile(VERSION_PATTERN)
RESERVED_MODEL_NAMES = frozenset({"v2"})


def is_name(text: str) -> bool:
    """Whether `text` may name a project or a model: lower-case DNS label (RFC 1123), at most 63 characters."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether `text` may name a version: letters, digits, dots, dashes, underscores; at most 63 characters."""
    return _VERSION.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class ModelKey:
    """A model of a project: what a Route is about."""

    project: str
    model: str

    def __str__(self) -> str:
        return f"{self.project}/{self.model}"


@dataclass(frozen=True, slots=True, order=True)
class VersionKey:
    """One version of a model: what a Deployment is about and replicas belong to."""

    project: str
    model: str
    version: str

    @property
    def model_key(self) -> ModelKey:
        return ModelKey(self.project, self.model)

    def __str__(self) -> str:
        return f"{self.project}/{self.model}/{self.version}"
