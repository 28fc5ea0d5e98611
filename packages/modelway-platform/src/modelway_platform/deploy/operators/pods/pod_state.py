"""What a Pod's status says, in words a person can act on: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from modelway_platform.deploy.operators.last_words import exit_text
from modelway_platform.kubernetes.refusals import one_line

# The image or its set-up is wrong: waiting does not mend that, and the reasons deserve to be seen as what they are.
_HOPELESS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
_GIVEN_UP_AFTER = 10.0


class _Terminated(msgspec.Struct, rename="camel"):
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None


class _Waiting(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _State(msgspec.Struct):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None

    def is_on_its_way(self) -> bool:
        """Whether it runs or is being started, and not between an end and the next start."""
        return self.terminated is None and (self.waiting is None or self.waiting.reason != "CrashLoopBackOff")


class _Container(msgspec.Struct, rename="camel"):
    state: _State = msgspec.field(default_factory=_State)
    last_state: _State = msgspec.field(default_factory=_State)
    restart_count: int = 0


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(msgspec.Struct, rename="camel"):
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: list[_Condition] | None = None
    container_statuses: list[_Container] | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    deletion_timestamp: datetime | None = None


class Pod(msgspec.Struct):
    """The part of a Pod that is looked at; in a bookmark only its version counts."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    status: _Status = msgspec.field(default_factory=_Status)


@dataclass(frozen=True, slots=True)
class PodEnding:
    """How a replica ended.

    Args:
        at: When, as far as it is known; Unix time in seconds, 0 where it is not.
        reason: Half a sentence.
        said: Whether it ran, so that its last words may say more.
    """

    at: float
    reason: str
    said: bool


def ending_of(pod: Pod, now: float) -> PodEnding | None:
    """How one ended that nobody starts again; None while it runs, or may yet."""
    state = _state(pod)
    if state.terminated is not None:
        end = state.terminated
        at = end.finished_at.timestamp() if end.finished_at is not None else 0.0
        return PodEnding(at, _exit_text(end), said=end.reason != "OOMKilled")
    if pod.status.phase in {"Failed", "Succeeded"}:  # evicted, or refused by its node: no container ran
        return PodEnding(0.0, f"was ended by its node: {_said(pod.status.reason, pod.status.message)}", said=False)
    stuck = stuck_of(pod)
    if stuck:
        return PodEnding(0.0, stuck, said=False)
    deleted = pod.metadata.deletion_timestamp
    if deleted is not None and now > deleted.timestamp() + _GIVEN_UP_AFTER:  # which is when it should have gone
        return PodEnding(0.0, "is given up: its node does not answer", said=False)
    return None


def stuck_of(pod: Pod) -> str:
    """Why its container will not start, as far as waiting does not mend it; empty where it may."""
    waiting = _state(pod).waiting
    if waiting is None or waiting.reason not in _HOPELESS:
        return ""
    return f"cannot be started: {_said(waiting.reason, waiting.message)}"


def run_of(pod: Pod) -> str:
    """Names the present run of its container: another one after each end."""
    containers = pod.status.container_statuses or ()
    falls = containers[0].restart_count + (not containers[0].state.is_on_its_way()) if containers else 0
    return f"{pod.metadata.uid}:{falls}"


def fall_of(pod: Pod) -> PodEnding | None:
    """How its container ended the last time; None where it has not."""
    containers = pod.status.container_statuses or ()
    end = (containers[0].state.terminated or containers[0].last_state.terminated) if containers else None
    if end is None:
        return None
    at = end.finished_at.timestamp() if end.finished_at is not None else 0.0
    return PodEnding(at, _exit_text(end), said=end.reason != "OOMKilled")


def is_started_again(pod: Pod) -> bool:
    """Whether its container has ended and was started anew, so that the log of the last end is that of the one before."""
    containers = pod.status.container_statuses or ()
    return bool(containers) and containers[0].state.terminated is None


def leaving_of(pod: Pod) -> str:
    """Why it will not serve any longer, half a sentence; empty where it stays."""
    if pod.metadata.deletion_timestamp is None:
        ended = pod.status.phase in {"Failed", "Succeeded"}
        return f"was ended by its node: {_said(pod.status.reason, pod.status.message)}" if ended else ""
    if pod.status.reason == "NodeLost":
        return "is given up: its node does not answer"
    for condition in pod.status.conditions or ():
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return f"its pod was deleted: {_said(condition.reason, condition.message)}"
    return "its pod was deleted"


def is_ready(pod: Pod) -> bool:
    """Whether Kubernetes says that it answers."""
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ())


def waiting_of(pod: Pod) -> str:
    """Why it does not run yet, half a sentence; empty where there is nothing out of the ordinary."""
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"waits for a node: {_said(condition.reason, condition.message)}"
    return ""


def _state(pod: Pod) -> _State:
    containers = pod.status.container_statuses or ()
    return containers[0].state if containers else _State()


def _exit_text(end: _Terminated) -> str:
    text = exit_text(128 - end.exit_code if end.exit_code > 128 else end.exit_code)
    if end.reason == "OOMKilled":
        return f"{text}: it used more memory than its limit"
    return f"{text}: {one_line(end.message)}" if end.message else text


def _said(reason: str, message: str) -> str:
    return ": ".join(each for each in (one_line(reason), one_line(message)) if each) or "no reason was given"
