"""The jobs process's port: for the gateway's workers on this machine, which show the secret they share with it."""

import asyncio
import hmac
import logging

from modelway.errors import ModelwayError
from modelway.http1 import BufferedConnection, Limits, Listener, Request
from modelway.http1.answers import error_body
from modelway_platform.domain.routing.jobs import job_headers, job_pass
from modelway_platform.gateway.jobs.intake.api import Api, Reply
from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError

# A Route's own limit is stricter, and has been kept by the gateway; requests are held in memory while they are written.
LIMITS = Limits(max_body_bytes=512 * 1024 * 1024, max_head_bytes=64 * 1024, max_headers=160)
_RETRY = b"retry-after: 1\r\n"

log = logging.getLogger(__name__)


class Door:
    """What all connections share: the API, the secret, and the answers under way."""

    def __init__(self, api: Api, secret: str) -> None:
        self.api = api
        self.secret = job_pass.derived_secret(secret, "gateway to jobs").encode()
        self.answering: set[asyncio.Task[None]] = set()
        self.refused = 0

    def opens(self, request: Request) -> bool:
        """Whether it comes from the gateway."""
        given = request.header(job_headers.SECRET.encode()) or b""
        return hmac.compare_digest(given, self.secret)


class JobsConnection(BufferedConnection):
    """One connection of a gateway worker."""

    __slots__ = ("_door", "_task")

    def __init__(self, listener: Listener, door: Door) -> None:
        super().__init__(listener)
        self._door = door
        self._task: asyncio.Task[None] | None = None

    def handle(self, request: Request, body: bytes) -> None:
        if request.path == b"/livez":
            self.respond(200, b'{"status":"live"}')
            return
        if not self._door.opens(request):
            self.respond(403, error_body("forbidden", "this port is the gateway's", "ask the gateway: /_/jobs"))
            return
        task = asyncio.get_running_loop().create_task(self._answer(request, body))
        self._task = task
        self._door.answering.add(task)
        task.add_done_callback(self._door.answering.discard)

    def client_left(self) -> None:
        # What is being written is written; only waiting for an end is in vain.
        if self._task is not None and self.request is not None and self.request.method == b"GET":
            self._task.cancel()

    async def _answer(self, request: Request, body: bytes) -> None:
        request_id = (request.header(b"x-request-id") or b"").decode("latin-1")
        try:
            reply = await self._door.api.answer(request, body)
        except ModelwayError as error:
            text = error_body(error.error_code, error.message, error.hint, request_id)
            headers = _RETRY if error.error_code == "job_not_finished" else b""
            reply = Reply(status=error.http, body=text, headers=headers)
        except JobsUnavailableError as error:
            self._door.refused += 1
            log.warning("jobs cannot be kept or looked up", extra={"why": str(error)})
            reply = _unavailable(error, request_id)
        except Exception:
            log.exception("a request failed", extra={"request_id": request_id})
            reply = Reply(status=500, body=error_body("internal", "the server failed on this request", "", request_id))
        self.respond(reply.status, reply.body, reply.content_type, reply.headers)


def _unavailable(error: JobsUnavailableError, request_id: str) -> Reply:
    if error.full:
        text = error_body(
            "storage_full", "nothing was accepted: the disk is full", "free space on the disk with the jobs", request_id
        )
        return Reply(status=507, body=text)
    text = error_body(
        "jobs_unavailable",
        "asynchronous requests cannot be kept or looked up at the moment",
        "send it again, with the same Idempotency-Key if it has one",
        request_id,
    )
    return Reply(status=503, body=text, headers=_RETRY)
