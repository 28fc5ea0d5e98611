"""`POST /v1/feedback`: what turned out to be true of an answer, or how good it was, by the request's id."""

import asyncio
import re
import time
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Caller
from modelway_platform.deploy.api.exchange import json_answer, read_json
from modelway_platform.deploy.api.parts import ApiParts

MOST_ITEMS = 1000
_MOST_LABEL_BYTES = 16 << 10
_MOST_BODY_BYTES = 4 << 20
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_PROJECT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Of one request: its true `label` (any JSON but null), a `reward`, or both."""

    request_id: str
    label: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    reward: float | None = None
    project: str = ""


class ManyFeedbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of several."""

    items: list[Feedback]


class FeedbackApi:
    """The handler around the segments."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def paths(self) -> list[Path]:
        """Where the handler is found."""
        return [Path("/v1/feedback", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """One or many; when it is answered, it is on the disk."""
        body = bytes(await read_json(request, msgspec.Raw, limit=_MOST_BODY_BYTES))
        items = _items(body)
        caller = cast("Caller", request.scope["modelway.caller"])
        lines = b"".join(_line(each, caller.name) for each in items)
        await asyncio.to_thread(self._parts.feedback.take, lines)
        return json_answer({"accepted": len(items)})


def _items(body: bytes) -> list[Feedback]:
    try:
        if b'"items"' in body:
            items = msgspec.json.decode(body, type=ManyFeedbacks).items
        else:
            items = [msgspec.json.decode(body, type=Feedback)]
    except msgspec.ValidationError as error:
        raise InvalidRequestError(f"the request's body: {error}", hint=_HINT) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(
            f"the request's body is not JSON: {error}", hint=_HINT, code="invalid_json"
        ) from error
    if not 1 <= len(items) <= MOST_ITEMS:
        raise InvalidRequestError(f"items: expected 1 to {MOST_ITEMS}")
    return items


_HINT = '{"requestId": "5f0c-1", "label": "7"} or {"requestId": "5f0c-1", "reward": 0.5}'


def _line(said: Feedback, author: str) -> bytes:
    where = f"requestId {said.request_id[:50]!r}"
    if _REQUEST_ID.fullmatch(said.request_id) is None:
        raise InvalidRequestError(f"{where} is no request's id", hint=_HINT)
    if said.project and _PROJECT.fullmatch(said.project) is None:
        raise InvalidRequestError(f"{where}: {said.project[:50]!r} is no project")
    label = b"" if said.label is msgspec.UNSET else bytes(said.label).strip()
    if label == b"null":
        label = b""
    if not label and said.reward is None:
        raise InvalidRequestError(f"{where}: neither label nor reward", hint=_HINT)
    if len(label) > _MOST_LABEL_BYTES:
        raise InvalidRequestError(f"{where}: its label is longer than {_MOST_LABEL_BYTES} bytes")
    record: dict[str, object] = {
        "time": time.time(),
        "request_id": said.request_id,
        "project": said.project,
        "reward": said.reward,
        "author": author,
    }
    if label:
        record["label"] = msgspec.json.decode(label)  # written anew: on one line, whatever it was
    return msgspec.json.encode(record) + b"\n"
