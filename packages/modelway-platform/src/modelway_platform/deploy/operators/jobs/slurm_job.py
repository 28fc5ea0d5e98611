"""What Slurm says of a job, in words a person can act on: https://slurm.schedmd.com/squeue.html, job reason and state codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from modelway_platform.deploy.operators.last_words import exit_text

QUEUED = frozenset(
    {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "CONFIGURING", "RESV_DEL_HOLD"}
)
RUNNING = frozenset({"RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT"})
# Its program has ended, or is being ended: how, is said by the word beside this one, which 22.05 tells only afterwards.
_COMPLETING = "COMPLETING"
_WAITING: Mapping[str, str] = MappingProxyType(
    {
        "Resources": "no node has room for it now",
        "Priority": "others are before it in the queue",
        "BeginTime": "it may not start yet",
        "Dependency": "another job of the same name has to end first",
        "DependencyNeverSatisfied": "it waits for a job that will not end as it should",
        "PartitionDown": "the partition is down",
        "PartitionInactive": "the partition takes no jobs now",
        "PartitionNodeLimit": "it asks for more nodes than the partition allows",
        "PartitionTimeLimit": "its timeLimit is longer than the partition allows",
        "PartitionConfig": "the partition does not allow what it asks for",
        "ReqNodeNotAvail": "the nodes it needs are down, reserved or in use",
        "NodeDown": "a node it needs is down",
        "BadConstraints": "no node has what it asks for",
        "Licenses": "a licence it needs is in use",
        "JobHeldUser": "somebody holds it: scontrol release JOB",
        "JobHeldAdmin": "an administrator holds it",
        "JobLaunchFailure": "it could not be started on its node",
        "InvalidAccount": "the account is not valid here",
        "InvalidQOS": "the quality of service is not valid here",
        "Reservation": "its reservation has not begun",
        "ReservationDeleted": "its reservation is gone",
        "Cleaning": "what is left of its last run is cleared away",
        "Prolog": "its node is being prepared",
        "NodeFail": "its node failed",
    }
)
# Nothing out of the ordinary: it has been queued a moment ago, or is about to start.
_USUAL = frozenset({"", "None"})
_ENDS: Mapping[str, str] = MappingProxyType(
    {
        "TIMEOUT": "was ended at its time limit",
        "DEADLINE": "was ended at its deadline",
        "NODE_FAIL": "was lost with its node",
        "BOOT_FAIL": "was lost: its node did not boot",
        "PREEMPTED": "had to make room for another job",
        "OUT_OF_MEMORY": "used more memory than its limit",
        "REVOKED": "was started by another cluster",
        "LAUNCH_FAILED": "could not be started on its node",
        "RECONFIG_FAIL": "was lost: its node could not be set up",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as the controller knows it; times are in seconds of Unix time, 0 where there is none.

    `status` is a wait status: an exit status times 256, or a signal. `restarts` counts how often it was put back.
    """

    id: int
    name: str
    user: int
    state: str
    reason: str = ""
    description: str = ""
    node: str = ""
    status: int = 0
    start: float = 0.0
    end: float = 0.0
    restarts: int = 0

    @property
    def live(self) -> bool:
        """Whether it runs or may yet."""
        return self.state in QUEUED or self.state in RUNNING or self.state == _COMPLETING


@dataclass(frozen=True, slots=True)
class JobEnding:
    """How a replica ended.

    Args:
        at: When; 0 where that is not known.
        reason: Half a sentence.
        said: Whether its last words may say more.
    """

    at: float
    reason: str
    said: bool


def jobs_in(output: bytes) -> list[Job]:
    """The jobs in what `squeue --json` prints.

    Slurm 22.05 has plain numbers and one word for a state; from 23.02 on states are lists, and numbers are objects with
    `set` and `number`.

    Raises:
        ValueError: It is not that.
    """
    try:
        found: Any = msgspec.json.decode(output)
        return [_job(each) for each in found["jobs"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no list of jobs: {error!r}") from error


def ending_of(job: Job, *, ordered: bool = False) -> JobEnding | None:
    """How it ended; None while it runs, or may yet. `ordered` says that we had it ended by force."""
    if job.live:
        return None
    where = f" {job.node}" if job.node else ""
    if job.state in _ENDS:
        text = _ENDS[job.state] + (where if job.state == "NODE_FAIL" else "")
        return JobEnding(job.end, text, said=job.state not in {"NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY"})
    if job.state == "CANCELLED":
        text = "was killed by signal 9 (SIGKILL): it did not leave in time" if ordered else "its job was cancelled"
        return JobEnding(job.end, text, said=False)
    if job.reason == "BadConstraints" or (job.state == "FAILED" and not job.node):
        reason = _WAITING.get(job.reason, job.description or job.reason)
        return JobEnding(job.end, f"was refused by Slurm: {reason}", said=False)
    return JobEnding(job.end, exit_text(_subprocess_status(job.status)), said=True)


def waiting_of(job: Job) -> str:
    """Why it does not run yet, half a sentence; empty where there is nothing out of the ordinary."""
    if job.state not in QUEUED or job.state == "CONFIGURING":
        return ""
    why = reason_text(job.reason, job.description)
    if job.restarts:
        again = f"was put back into the queue (restart {job.restarts})"
        return f"{again}; waits for a node: {why}" if why else again
    return f"waits for a node: {why}" if why else ""


def reason_text(reason: str, description: str = "") -> str:
    """A reason's word with what it means; empty for none."""
    if reason in _USUAL:
        return ""
    word = reason.partition(",")[0].strip("()")
    meaning = _WAITING.get(word) or description
    if not meaning and word.startswith(("Assoc", "QOS", "MaxBill")):
        meaning = "a limit of the account or of the quality of service is reached"
    return f"{word}: {meaning}" if meaning else word


def _subprocess_status(status: int) -> int:
    """A wait status as `subprocess` has it: a shell's 128 and more is a signal, too."""
    if status & 0x7F:
        return -(status & 0x7F)
    code = status >> 8
    return 128 - code if code > 128 else code


def _job(value: Mapping[str, Any]) -> Job:
    return Job(
        id=int(value["job_id"]),
        name=str(value.get("name") or ""),
        user=int(value.get("user_id") or 0),
        state=_state(value["job_state"]),
        reason=str(value.get("state_reason") or ""),
        description=str(value.get("state_description") or ""),
        node=str(value.get("nodes") or ""),
        status=_status(value.get("exit_code")),
        start=_number(value.get("start_time")),
        end=_number(value.get("end_time")),
        restarts=int(_number(value.get("restart_cnt"))),
    )


def _state(value: Any) -> str:
    """One word; of several, that which says how it stands rather than that it is completing."""
    words = [value] if isinstance(value, str) else [str(each) for each in value]
    telling = [word for word in words if word != _COMPLETING]
    live = [word for word in telling if word in QUEUED]
    return (live or telling or [_COMPLETING])[0]


def _number(value: Any) -> float:
    if isinstance(value, dict):
        return float(value.get("number") or 0) if value.get("set") else 0.0  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return float(value or 0)


def _status(value: Any) -> int:
    """Of 22.05 a wait status; later an object with `return_code` and `signal`."""
    if not isinstance(value, dict):
        return int(value or 0)
    told: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    signal: Any = told.get("signal") or {}
    number = int(_number(signal.get("id", signal.get("signal_id"))))
    return number or int(_number(told.get("return_code"))) << 8
