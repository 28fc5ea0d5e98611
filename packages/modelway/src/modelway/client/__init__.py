"""Calls a deployed model, and the platform."""

from modelway.client.async_model_client import AsyncModelClient
from modelway.client.connection import Connection, Server, find_connection
from modelway.client.control_client import ApplyResult, Change, ControlClient, CreatedKey, DocumentFile, UploadedPackage
from modelway.client.http_client import Timeouts
from modelway.client.job_client import JobClient
from modelway.client.model_client import ModelClient, call
from modelway.client.model_requests import CallOptions, ModelAnswer
from modelway.client.retries import RetryPolicy

__all__ = [
    "ApplyResult",
    "AsyncModelClient",
    "CallOptions",
    "Change",
    "Connection",
    "ControlClient",
    "CreatedKey",
    "DocumentFile",
    "JobClient",
    "ModelAnswer",
    "ModelClient",
    "RetryPolicy",
    "Server",
    "Timeouts",
    "UploadedPackage",
    "call",
    "find_connection",
]
