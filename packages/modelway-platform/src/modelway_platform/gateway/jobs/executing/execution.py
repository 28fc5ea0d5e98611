"""One execution of a job: a request to the gateway in its consumer's name, and what its answer means."""

import json
import time
from dataclasses import dataclass

from modelway_platform.domain.routing.jobs import job_headers, job_pass
from modelway_platform.gateway.jobs.back_off import RETRY
from modelway_platform.gateway.jobs.executing.judge_answer import Meaning, meaning_of
from modelway_platform.gateway.jobs.http_call import AnswerTooLargeError, CallFailedError, Connections, Received
from modelway_platform.gateway.jobs.job import USUAL_PRIORITY, Answer, Counted, Finished, Job
from modelway_platform.gateway.jobs.stores.contents import Contents, kept, octets_of
from modelway_platform.gateway.jobs.stores.port import MAX_LOSSES

# Of one exchange; the answer's body has been read whole.
_NOT_KEPT = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "modelway-version",
        "retry-after",
        "trailer",
        "transfer-encoding",
    }
)
_KEPT_HEADER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of the job: it has `finished`, or goes back into its queue `after` some seconds.

    `nobody_there`: the model, as far as it goes by weights, answers nobody; `wait` at least that long before asking it again.
    """

    finished: Finished | None = None
    after: float = 0.0
    counted: Counted = "nothing"
    nobody_there: bool = False
    wait: float = 0.0


class Execution:
    """How jobs are executed.

    Args:
        gateway: Connections to it.
        secret: The platform's own, by which passes are signed.
        contents: Where large requests and answers lie.
    """

    def __init__(self, gateway: Connections, secret: str, contents: Contents) -> None:
        self._gateway = gateway
        self._secret = secret
        self._contents = contents

    async def run(self, job: Job, most: int) -> Outcome:
        """Ask the gateway once.

        Args:
            job: Under a lease.
            most: Bytes an answer may have.

        Raises:
            JobsUnavailableError: Its request could not be read or its result not be kept.
        """
        body = await octets_of(self._contents, job.body)
        try:
            received = await self._gateway.ask(request_of(job, body, self._pass(job)), most)
        except AnswerTooLargeError:
            return Outcome(finished=Finished(state="failed", reason="result_too_large"))
        except CallFailedError as error:
            if not error.connected:
                return Outcome(nobody_there=True)
            if job.losses + 1 >= MAX_LOSSES:
                return Outcome(finished=Finished(state="dead", reason="executor_lost"))
            return Outcome(counted="loss", after=0.1)
        return await self._judge(job, received)

    async def _judge(self, job: Job, received: Received) -> Outcome:
        meaning = meaning_of(received.status)
        if meaning is Meaning.WAIT:
            return Outcome(nobody_there=True, wait=_retry_after(received))
        if meaning is Meaning.TRY_AGAIN and job.attempts + 1 < job.max_attempts:
            return Outcome(counted="attempt", after=RETRY.seconds(job.attempts + 1))
        answer = Answer(
            status=received.status,
            headers=_kept_headers(received),
            content=await kept(self._contents, received.body),
            version=received.header("modelway-version"),
        )
        if meaning is Meaning.SUCCEEDED:
            return Outcome(finished=Finished(state="succeeded", answer=answer))
        state = "dead" if meaning is Meaning.TRY_AGAIN else "failed"
        return Outcome(finished=Finished(state=state, answer=answer, reason=_code_in(received)))

    def _pass(self, job: Job) -> str:
        project, _, model = job.model.partition("/")
        given = job_pass.JobPass(
            consumer=job.consumer,
            key_id=job.key_id,
            project=project,
            model=model,
            until=time.time() + job_pass.PASS_SECONDS,
        )
        return job_pass.issue(self._secret, given)


def request_of(job: Job, body: bytes, given: str) -> bytes:
    """The request as the caller made it, with what makes it a job's: pass, id, and that it may be sent again."""
    lines = [
        f"POST {job.target} HTTP/1.1",
        "host: gateway",
        f"authorization: Bearer {given}",
        f"content-length: {len(body)}",
        f"idempotency-key: {job.id}",
        f"x-request-id: {job.id}.{job.attempts + job.losses + 1}",
        *([f"{job_headers.PRIORITY}: {job.priority}"] if job.priority != USUAL_PRIORITY else ()),
        *(f"{name}: {value}" for name, value in job.headers if name not in {"authorization", "x-api-key"}),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _kept_headers(received: Received) -> tuple[tuple[str, str], ...]:
    found = tuple((name, value) for name, value in received.headers if name not in _NOT_KEPT)
    return found if sum(len(name) + len(value) for name, value in found) <= _KEPT_HEADER_BYTES else ()


def _retry_after(received: Received) -> float:
    text = received.header("retry-after")
    return float(min(int(text[:6]), 60)) if text.isascii() and text.isdigit() else 0.0


def _code_in(received: Received) -> str:
    """The stable code of an error answer; its status where the answer is no error of ours."""
    try:
        code = json.loads(received.body)["error"]["code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        code = None
    return code if isinstance(code, str) and len(code) <= 64 else f"http_{received.status}"
