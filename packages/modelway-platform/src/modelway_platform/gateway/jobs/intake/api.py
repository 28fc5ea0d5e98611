"""What the jobs process answers: new jobs from the gateway, and what callers ask about theirs."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import parse_qsl

from modelway.errors import ConflictError, ForbiddenError, InvalidRequestError, ModelwayError, NotFoundError
from modelway.http1 import Request
from modelway_platform.domain.routing.jobs import job_headers
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules
from modelway_platform.gateway.jobs.callbacks.callback_message import signing_secret
from modelway_platform.gateway.jobs.counts import Counts
from modelway_platform.gateway.jobs.ends import Ends
from modelway_platform.gateway.jobs.intake.intake import Caller, caller_of, job_from, texts_of
from modelway_platform.gateway.jobs.intake.job_json import encoded, job_json, page_json, queue_json
from modelway_platform.gateway.jobs.job import FINAL, STATES, Job, JobState, Query, is_id
from modelway_platform.gateway.jobs.policies import Policies
from modelway_platform.gateway.jobs.stores.contents import Contents, kept, octets_of
from modelway_platform.gateway.jobs.stores.port import JobStore

LONGEST_WAIT_SECONDS = 60.0
MAX_PAGE = 500
_ASK_AGAIN_SECONDS = 1.0
_HASHED_APART = 1024 * 1024
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*(\d{1,4})\s*(?:$|[,;])", re.IGNORECASE)
_JSON = b"application/json"
_RETRY = b"retry-after: 1\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; `headers` are whole lines."""

    status: int
    body: bytes = b""
    content_type: bytes = _JSON
    headers: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What answering takes. `wake`: something may be due; `drop`: a job is not to be executed further."""

    store: JobStore
    contents: Contents
    policies: Policies
    rules: CallbackRules
    ends: Ends
    counts: Counts
    secret: str
    wake: Callable[[], None]
    drop: Callable[[str], None]


class Api:
    """Answers requests whose sender is the gateway."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    async def answer(self, request: Request, body: bytes) -> Reply:  # noqa: PLR0911 - one line per address
        """The answer to a request.

        Raises:
            ModelwayError: A refusal.
            JobsUnavailableError: Nothing was kept or found out.
        """
        path = request.path.decode("latin-1")
        if path == f"/{job_headers.SUBMIT_PATH}":
            return await self._submit(request, body)
        rest = path.removeprefix(job_headers.JOBS_PATH).strip("/")
        caller = caller_of(request)
        match (request.method, rest.split("/") if rest else []):
            case (b"GET" | b"HEAD", []):
                return await self._list(request, caller)
            case (b"GET" | b"HEAD", ["queues"]):
                return await self._queues(caller)
            case (b"GET" | b"HEAD", ["callback-secret"]):
                return self._callback_secret(caller)
            case (b"GET" | b"HEAD", [job_id]):
                return await self._show(await self._visible(job_id, caller), request)
            case (b"GET" | b"HEAD", [job_id, "result"]):
                return await self._result(await self._after_wait(await self._visible(job_id, caller), request))
            case (b"DELETE", [job_id]):
                return await self._cancel(await self._visible(job_id, caller))
            case (b"POST", [job_id, "replay"]):
                return await self._replay(await self._visible(job_id, caller))
            case (_, [] | [_] | [_, "result" | "replay"]):
                raise ModelwayError("this address is asked in another way", code="method_not_allowed")
            case _:
                raise NotFoundError("nothing is here", hint="jobs are at /_/jobs/{id} and /_/jobs/{id}/result")

    async def _submit(self, request: Request, body: bytes) -> Reply:
        parts = self._parts
        fields = texts_of(request)
        policy = parts.policies.of(fields[job_headers.MODEL])
        large = len(body) > _HASHED_APART
        digest = await asyncio.to_thread(_sha256, body) if large else _sha256(body)
        # First what can be refused, then the disk.
        job = job_from(request, digest, policy, parts.rules)
        content = await kept(parts.contents, body)
        job = replace(job, body=content)
        try:
            found = await parts.store.submit(job)
        except BaseException:
            if content.blob:
                await parts.contents.delete(content.blob)
            raise
        if found.id == job.id:
            parts.counts.accepted[job.model] += 1
            parts.wake()
        elif content.blob:
            await parts.contents.delete(content.blob)
        if found.fingerprint != job.fingerprint:
            raise ModelwayError(
                "this Idempotency-Key came with another request before",
                hint="use a new key for a new request",
                code="idempotency_key_reused",
            )
        wait = _WAIT.search(fields.get("prefer", ""))
        if wait is not None and int(wait[1]):
            found = await self._wait(found, float(wait[1]))
            if found.state in FINAL:
                return await self._result(found)
        return await self._accepted(found)

    async def _accepted(self, job: Job) -> Reply:
        headers = (
            f"location: {job_headers.JOBS_PATH}/{job.id}\r\nmodelway-job: {job.id}\r\n"
            f"modelway-durability: {self._parts.store.durability}\r\npreference-applied: respond-async\r\n"
        )
        return Reply(status=202, body=encoded(job_json(job, self._parts.store.durability)), headers=headers.encode())

    async def _list(self, request: Request, caller: Caller) -> Reply:
        if not caller.is_known:
            raise ModelwayError("this address needs a valid key", code="unauthenticated")
        query = _query_of(request, caller)
        jobs = await self._parts.store.find(query)
        return Reply(status=200, body=encoded(page_json(jobs, self._parts.store.durability, query.limit)))

    async def _queues(self, caller: Caller) -> Reply:
        if not caller.admin:
            raise ForbiddenError("only an admin sees all queues", hint="use an admin key")
        now = time.time()
        depths = await self._parts.store.depths()
        return Reply(status=200, body=encoded({"items": [queue_json(each, now) for each in depths]}))

    def _callback_secret(self, caller: Caller) -> Reply:
        if not caller.is_known:
            raise ModelwayError("this address needs a valid key", code="unauthenticated")
        secret = signing_secret(self._parts.secret, caller.consumer)
        return Reply(status=200, body=encoded({"consumer": caller.consumer, "secret": secret}))

    async def _visible(self, job_id: str, caller: Caller) -> Job:
        """The job, for whom it is there: who made it, an admin, or for one that nobody is known to have made whoever knows its id."""
        job = await self._parts.store.get(job_id) if is_id(job_id) else None
        if job is not None and (caller.admin or job.consumer == caller.consumer or not job.consumer):
            return job
        if not caller.is_known:
            raise ModelwayError("this address needs a valid key", code="unauthenticated")
        raise NotFoundError("there is no such job", hint="list yours with: modelway job list")

    async def _show(self, job: Job, request: Request) -> Reply:
        job = await self._after_wait(job, request)
        position = await self._parts.store.position(job) if job.state == "queued" else None
        headers = b"" if job.state in FINAL else _RETRY
        return Reply(status=200, body=encoded(job_json(job, self._parts.store.durability, position)), headers=headers)

    async def _result(self, job: Job) -> Reply:
        if job.state not in FINAL:
            raise ConflictError("the job has not ended", hint="ask again, or with ?wait=30", code="job_not_finished")
        answer = job.answer
        if answer is None:
            raise _without_result(job)
        data = await octets_of(self._parts.contents, answer.content)
        kind = next((value for name, value in answer.headers if name == "content-type"), "")
        lines = [(name, value) for name, value in answer.headers if name not in {"content-type", "modelway-job"}]
        lines += [("modelway-job", job.id), ("modelway-job-state", job.state)]
        lines += [("modelway-job-version", answer.version)] if answer.version else []
        return Reply(
            status=answer.status,
            body=data,
            content_type=kind.encode("latin-1") or b"application/octet-stream",
            headers="".join(f"{name}: {value}\r\n" for name, value in lines).encode("latin-1"),
        )

    async def _cancel(self, job: Job) -> Reply:
        parts = self._parts
        now = await parts.store.cancel(job.id, time.time()) or job
        if now.state != "cancelled":
            raise ConflictError(f"the job has ended before: {now.state}", hint="its result is at /_/jobs/{id}/result")
        parts.drop(job.id)
        if job.state not in FINAL:
            parts.counts.finished[job.model, "cancelled"] += 1
        parts.ends.ended(job.id)
        return Reply(status=200, body=encoded(job_json(now, parts.store.durability)))

    async def _replay(self, job: Job) -> Reply:
        parts = self._parts
        if job.state not in FINAL or job.state == "succeeded":
            raise ConflictError(f"the job is {job.state}: there is nothing to replay")
        now = time.time()
        again = await parts.store.replay(job.id, now, now + (job.expires_at - job.created_at)) or job
        parts.wake()
        return Reply(status=202, body=encoded(job_json(again, parts.store.durability)))

    async def _after_wait(self, job: Job, request: Request) -> Job:
        text = dict(parse_qsl(request.query.decode("latin-1"))).get("wait")
        if text is None:
            return job
        if not text.isascii() or not text.isdigit() or len(text) > 4:
            raise InvalidRequestError(f"wait: a number of seconds up to {LONGEST_WAIT_SECONDS:g}")
        return await self._wait(job, float(text))

    async def _wait(self, job: Job, seconds: float) -> Job:
        until = time.monotonic() + min(seconds, LONGEST_WAIT_SECONDS)
        while job.state not in FINAL and (left := until - time.monotonic()) > 0:
            await self._parts.ends.wait(job.id, min(left, _ASK_AGAIN_SECONDS))
            job = await self._parts.store.get(job.id) or job
        return job


def _without_result(job: Job) -> ModelwayError:
    match job.state:
        case "cancelled":
            return ModelwayError("the job was cancelled", code="job_cancelled")
        case "expired":
            return ModelwayError("the job was not done before it expired", code="job_expired")
        case _:
            code = job.reason if job.reason in {"result_too_large", "executor_lost"} else "internal"
            return ModelwayError(
                f"the job has no result: {job.reason}", hint="try it again: modelway job replay", code=code
            )


def _query_of(request: Request, caller: Caller) -> Query:
    given = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))
    unknown = set(given) - {"model", "state", "before", "limit", "consumer"}
    if unknown:
        raise InvalidRequestError(
            f"unknown parameter {min(unknown)[:64]!r}", hint="known: model, state, before, limit, consumer"
        )
    states = tuple(given["state"].split(",")) if given.get("state") else ()
    if any(state not in STATES for state in states):
        raise InvalidRequestError("state: " + ", ".join(STATES))
    limit = given.get("limit", "50")
    if not limit.isascii() or not limit.isdigit() or len(limit) > 4 or not 1 <= int(limit) <= MAX_PAGE:
        raise InvalidRequestError(f"limit: a number from 1 to {MAX_PAGE}")
    before = given.get("before", "")
    if before and not is_id(before):
        raise InvalidRequestError("before: the `next` of the page before")
    if "consumer" in given and not caller.admin:
        raise ForbiddenError("only an admin lists the jobs of others")
    everybody = given.get("consumer") or None
    return Query(
        consumer=everybody if caller.admin else caller.consumer,
        model=given.get("model", ""),
        states=cast("tuple[JobState, ...]", states),
        before=before,
        limit=int(limit),
    )


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
