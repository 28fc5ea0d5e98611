"""Calls a deployed model, and the platform."""

from modelway.client.connection import Connection, Server, find_connection
from modelway.client.control_client import ApplyResult, Change, ControlClient, CreatedKey, DocumentFile, UploadedPackage
from modelway.client.http_client import Timeouts
from modelway.client.job_client import JobClient
from modelway.client.model_client import ModelAnswer, ModelClient, call

__all__ = [
    "ApplyResult",
    "Change",
    "Connection",
    "ControlClient",
    "CreatedKey",
    "DocumentFile",
    "JobClient",
    "ModelAnswer",
    "ModelClient",
    "Server",
    "Timeouts",
    "UploadedPackage",
    "call",
    "find_connection",
]
