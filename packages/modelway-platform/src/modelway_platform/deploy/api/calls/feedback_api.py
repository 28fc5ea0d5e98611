"""Feedback: what turned out to be true of an answer, or how good it was, by the request's id."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from google.protobuf import json_format

from modelway.errors import ForbiddenError, InvalidRequestError
from modelway_platform.deploy.api.call import Call, Caller, Implementation
from modelway_platform.deploy.api.parts import RecordParts
from modelway_platform.deploy.api.schema import logs_pb2

MOST_ITEMS = 1000
_MOST_LABEL_BYTES = 16 << 10
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_PROJECT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HINT = '{"requestId": "5f0c-1", "label": "7"} or {"requestId": "5f0c-1", "reward": 0.5}'
_Said = logs_pb2.SendFeedbackRequest | logs_pb2.FeedbackItem


class FeedbackService:
    """The method around the segments."""

    def __init__(self, records: RecordParts) -> None:
        self._records = records

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Feedback": {"SendFeedback": self.take}}

    async def take(self, request: logs_pb2.SendFeedbackRequest, call: Call) -> dict[str, Any]:
        """One or many; when it is answered, it is on the disk."""
        items = _items(request)
        lines = b"".join(_line(each, call.caller) for each in items)
        await asyncio.to_thread(self._records.feedback.take, lines)
        return {"accepted": len(items)}


def _items(request: logs_pb2.SendFeedbackRequest) -> list[_Said]:
    if not request.items:
        return [request]
    alone = logs_pb2.SendFeedbackRequest(items=request.items)
    if request != alone:
        raise InvalidRequestError("items: nothing stands beside it", hint=_HINT)
    if len(request.items) > MOST_ITEMS:
        raise InvalidRequestError(f"items: expected 1 to {MOST_ITEMS}")
    return list(request.items)


def _line(said: _Said, author: Caller) -> bytes:
    where = f"requestId {said.request_id[:50]!r}"
    if _REQUEST_ID.fullmatch(said.request_id) is None:
        raise InvalidRequestError(f"{where} is no request's id", hint=_HINT)
    if said.project and _PROJECT.fullmatch(said.project) is None:
        raise InvalidRequestError(f"{where}: {said.project[:50]!r} is no project")
    label = json_format.MessageToDict(said.label) if said.HasField("label") else None
    if label is None and not said.HasField("reward"):
        raise InvalidRequestError(f"{where}: neither label nor reward", hint=_HINT)
    record: dict[str, object] = {
        "time": time.time(),
        "request_id": said.request_id,
        "project": _project(said, author, where),
        "reward": said.reward if said.HasField("reward") else None,
        "author": author.name,
    }
    if label is not None:
        label = _whole(label)
        if len(msgspec.json.encode(label)) > _MOST_LABEL_BYTES:
            raise InvalidRequestError(f"{where}: its label is longer than {_MOST_LABEL_BYTES} bytes")
        record["label"] = label
    return msgspec.json.encode(record) + b"\n"


def _project(said: _Said, author: Caller, where: str) -> str:
    """Whose request it was. Who is bound to projects speaks of theirs alone, and of the only one without saying so."""
    if not author.projects or said.project in author.projects:
        return said.project
    if not said.project and len(author.projects) == 1:
        return author.projects[0]
    problem = f"project {said.project[:63]!r} is not one of {author.name}'s" if said.project else "of which project?"
    raise ForbiddenError(f"{where}: {problem}", hint="say one that is yours as `project`")


def _whole(value: Any) -> Any:
    """Numbers without a fraction as such: protobuf knows doubles only."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_whole(each) for each in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
