"""Webhooks of Git sources: their secrets, and the notifications that have a source looked at."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import UnauthenticatedError, UnavailableError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import json_answer, moment, read_body
from modelway_platform.deploy.api.parts import GitParts, Watching
from modelway_platform.domain.sources.webhook import is_signed, secret_of
from modelway_platform.store.sources.webhooks import Webhooks

MAX_BODY_BYTES = 1024 * 1024
WEBHOOK_PATH = "/v1/webhooks/"


class WebhooksService:
    """A notification says nothing that is believed but that it is worth looking: sent again, it does no harm."""

    def __init__(self, git: GitParts, watching: Watching) -> None:
        self._git = git
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.SourceWebhooks": {"CreateWebhook": self.create, "DeleteWebhook": self.delete}}

    def paths(self) -> list[Path]:
        """Where others notify: in their own forms, signed instead of with a key."""
        return [Path(WEBHOOK_PATH + "{name}", self.hear, methods=["POST"])]

    async def create(self, request: Any, call: Call) -> dict[str, Any]:
        """The one answer that holds a secret; the one before stays valid for a while."""
        await asyncio.to_thread(self._git.sources.get, request.name)
        made = await asyncio.to_thread(lambda: self._webhooks().rotate(request.name, author=call.actor()))
        return {
            "name": request.name,
            "path": WEBHOOK_PATH + request.name,
            "secret": secret_of(self._git.webhook_secret, request.name, made.nonce),
            "previousUntil": moment(made.previous_until or None),
        }

    async def delete(self, request: Any, call: Call) -> dict[str, Any]:
        """Nobody is listened to any more."""
        await asyncio.to_thread(lambda: self._webhooks().remove(request.name, author=call.actor()))
        return {"name": request.name, "removed": True}

    async def hear(self, request: Request) -> Response:
        """Have the source looked at; an unknown one and a wrong signature are the same to who asks."""
        name: str = request.path_params["name"]
        body = await read_body(request, MAX_BODY_BYTES)
        known = await asyncio.to_thread(self._webhooks().find, name)
        nonces = known.nonces(time.time()) if known is not None else ("",)
        headers = {each.lower(): value for each, value in request.headers.items()}
        signed = is_signed(headers, body, [secret_of(self._git.webhook_secret, name, each) for each in nonces])
        if known is None or not signed:
            raise UnauthenticatedError(
                "the notification is not signed with the secret of a source's webhook",
                hint="`modelway source webhook NAME` makes one; give it to the Git server as its secret",
            )
        branch = (await asyncio.to_thread(self._git.sources.get, name)).spec.branch
        looked = _ref_of(body) in {"", f"refs/heads/{branch}"}
        if looked:
            self._git.want(name)
            self._watching.changes.notify()
        return json_answer({"name": name, "looked": looked}, 202)

    def _webhooks(self) -> Webhooks:
        if self._git.webhooks is None or not self._git.webhook_secret:
            raise UnavailableError("no source is followed from here", hint="ask the platform that `modelway up` runs")
        return self._git.webhooks


def _ref_of(body: bytes) -> str:
    """Which branch was pushed to; empty where that is not said as JSON: then it is worth a look."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    ref: Any = said.get("ref") if isinstance(said, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - anybody's JSON
    return ref if isinstance(ref, str) else ""
