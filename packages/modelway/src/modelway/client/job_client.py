"""Asynchronous requests: hands one over, and looks after it until its result is there."""

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from modelway.client.addresses import path_of
from modelway.client.connection import Server, find_connection
from modelway.client.http_client import Answer, HttpClient, Timeouts
from modelway.client.model_requests import USUAL_TIMEOUT, Place, path_of_model
from modelway.client.retries import RetryPolicy, Tries, until_of
from modelway.errors import DeadlineExceededError, ModelwayError, UnavailableError

FINAL_STATES = frozenset({"succeeded", "failed", "dead", "expired", "cancelled"})
# The longest that the gateway waits at a time; it is asked again until the caller's own patience ends.
_WAIT_SECONDS = 30.0


class _Page(msgspec.Struct, frozen=True):
    items: list[dict[str, Any]]
    next: str = ""


class JobClient:
    """The jobs of one consumer at one gateway. Jobs are the JSON objects the gateway answers with.

        jobs = JobClient()
        job = jobs.submit("vision/digits", b'{"image": [...]}', idempotency_key="invoice-7")
        print(jobs.result(jobs.wait(job["id"])["id"]))

    Args:
        server: The gateway's address and a key; found as the command line finds them when not given.
        timeouts: For single requests.
        timeout: Seconds one request may take, with all its tries; waiting for a job's end comes on top.
        retries: When to ask again; see `RetryPolicy`. Nothing but a new job without an `idempotency_key` does harm if it is sent twice.
    """

    def __init__(
        self,
        server: Server | None = None,
        *,
        timeouts: Timeouts | None = None,
        timeout: float = USUAL_TIMEOUT,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._timeout = timeout
        self._retries = retries or RetryPolicy()
        self.server = server or find_connection().gateway
        self._http = HttpClient(
            self.server.url,
            headers=self.server.headers,
            timeouts=timeouts,
            ca_file=self.server.ca_file,
            hints=Place(self.server, "").hints,
        )

    def submit(
        self,
        target: str,
        body: bytes,
        *,
        endpoint: str = "predict",
        content_type: str = "application/json",
        idempotency_key: str = "",
        priority: int | None = None,
        expires: str = "",
        callback: str = "",
        request_id: str = "",
    ) -> dict[str, Any]:
        """A new job, durable when this returns; the one there is for an `idempotency_key` used before.

        Args:
            target: `project/model`, or `project/model/version` to be executed by that version only.
            body: The request's body, such as JSON text.
            endpoint: Which of the handler's inference methods.
            content_type: Of the body.
            idempotency_key: The same key with the same request is the same job, however often it is sent.
            priority: 0 to 9, higher first; 4 unless given.
            expires: `90s`, `15m`, `12h`; the Route's limit unless given.
            callback: An https URL that is told of the job's end.
            request_id: The gateway makes one unless given.

        Raises:
            UnavailableError: Code `jobs_unavailable`: nothing was accepted, or it is not known whether; send it again with its key.
            ModelwayError: Any other refusal, as its typed error.
        """
        headers = {"Content-Type": content_type, "Prefer": "respond-async"}
        optional = {
            "Idempotency-Key": idempotency_key,
            "Modelway-Priority": "" if priority is None else str(priority),
            "Modelway-Expires": expires,
            "Modelway-Callback": callback,
            "X-Request-Id": request_id,
        }
        headers |= {name: value for name, value in optional.items() if value}
        path = path_of_model(target) + path_of(endpoint)
        answer = self._ask("POST", path, body=body, headers=headers, idempotent=bool(idempotency_key))
        if answer.status != 202:
            raise UnavailableError(
                "the answer came at once: this route takes no asynchronous requests",
                code="not_implemented",
                hint="set async.enabled in the Route, or call it without --async",
            )
        return _object(answer)

    def get(self, job_id: str, *, wait: float = 0.0) -> dict[str, Any]:
        """One job; `wait` seconds at most for its end."""
        query = {"wait": str(int(min(wait, _WAIT_SECONDS)))} if wait >= 1 else None
        return _object(self._ask("GET", "/_/jobs" + path_of(job_id), query=query, more_time=_WAIT_SECONDS))

    def wait(self, job_id: str, *, seconds: float | None = None) -> dict[str, Any]:
        """The job once it has ended.

        Raises:
            DeadlineExceededError: Not within `seconds`.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            left = _WAIT_SECONDS if until is None else until - time.monotonic()
            job = self.get(job_id, wait=max(left, 0.0))
            if job.get("state") in FINAL_STATES:
                return job
            if left < 1:
                raise DeadlineExceededError(
                    f"job {job_id} is {job.get('state')} after {seconds:g} s", hint="it goes on: modelway job wait"
                )

    def result(self, job_id: str) -> Answer:
        """The model's own answer.

        Raises:
            ConflictError: Code `job_not_finished`.
            ModelwayError: The job failed, and this is how.
        """
        return self._ask("GET", "/_/jobs" + path_of(job_id, "result"))

    def list(
        self, *, model: str = "", states: Sequence[str] = (), consumer: str = "", limit: int = 50
    ) -> Iterator[dict[str, Any]]:
        """Jobs, newest first, at most `limit`; everybody's for an admin, of one `consumer` if given."""
        before = ""
        while limit > 0:
            given = {"model": model, "state": ",".join(states), "consumer": consumer, "before": before}
            query = {name: value for name, value in given.items() if value} | {"limit": str(min(limit, 500))}
            page = _convert(self._ask("GET", "/_/jobs", query=query))
            yield from page.items
            limit -= len(page.items)
            before = page.next
            if not before:
                return

    def queues(self) -> Sequence[Mapping[str, Any]]:
        """Depth and age of every model's queue; for admins."""
        return _convert(self._ask("GET", "/_/jobs/queues")).items

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancels it, waiting or running.

        Raises:
            ConflictError: It has ended.
        """
        return _object(self._ask("DELETE", "/_/jobs" + path_of(job_id)))

    def replay(self, job_id: str) -> dict[str, Any]:
        """Queues one again that ended without success.

        Raises:
            ConflictError: It has not ended, or succeeded.
        """
        return _object(self._ask("POST", "/_/jobs" + path_of(job_id, "replay"), body=b"", idempotent=False))

    def callback_secret(self) -> str:
        """What this consumer's callbacks are signed with."""
        return str(_object(self._ask("GET", "/_/jobs/callback-secret")).get("secret", ""))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
        more_time: float = 0.0,
    ) -> Answer:
        tries = Tries(self._retries, until_of(self._timeout + more_time), idempotent=idempotent)
        silence = more_time + 30 if more_time else None
        while True:
            try:
                return self._http.request(
                    method, path, query=query, body=body, headers=headers, silence=silence, until=tries.until
                )
            except ModelwayError as error:
                time.sleep(tries.pause_after(error))

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _object(answer: Answer) -> dict[str, Any]:
    try:
        return msgspec.convert(answer.json(), dict[str, Any])
    except msgspec.ValidationError as error:
        raise UnavailableError("the gateway's answer is not a job", code="unreachable") from error


def _convert(answer: Answer) -> _Page:
    try:
        return msgspec.convert(answer.json(), _Page)
    except msgspec.ValidationError as error:
        raise UnavailableError("the gateway's answer is not a list of jobs", code="unreachable") from error
