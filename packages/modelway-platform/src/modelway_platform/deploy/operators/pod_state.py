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


def restarts_of(pod: Pod) -> int:
    """How often its node has started its container again."""
    return _container(pod).restart_count


def ending_of(pod: Pod, now: float, restarts: int = 0) -> PodEnding | None:
    """How it ended; None while it runs, or may yet.

    Args:
        pod: As it is seen.
        now: Unix time in seconds.
        restarts: So often its container had been started again when it was seen first: that is nobody's concern any more.
    """
    container = _container(pod)
    waiting = container.state.waiting
    fell = container.restart_count > restarts or (waiting is not None and waiting.reason == "CrashLoopBackOff")
    state = container.last_state if fell else container.state
    if state.terminated is not None:
        end = state.terminated
        at = end.finished_at.timestamp() if end.finished_at is not None else 0.0
        return PodEnding(at, _exit_text(end), said=end.reason != "OOMKilled")
    if pod.status.phase in {"Failed", "Succeeded"}:  # evicted, or refused by its node: no container ran
        return PodEnding(0.0, f"was ended by its node: {_said(pod.status.reason, pod.status.message)}", said=False)
    if state.waiting is not None and state.waiting.reason in _HOPELESS:
        text = f"cannot be started: {_said(state.waiting.reason, state.waiting.message)}"
        return PodEnding(0.0, text, said=False)
    deleted = pod.metadata.deletion_timestamp
    if deleted is not None and now > deleted.timestamp() + _GIVEN_UP_AFTER:  # which is when it should have gone
        return PodEnding(0.0, "is given up: its node does not answer", said=False)
    return None


def waiting_of(pod: Pod) -> str:
    """Why it does not run yet, half a sentence; empty where there is nothing out of the ordinary."""
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"waits for a node: {_said(condition.reason, condition.message)}"
    return ""


def _container(pod: Pod) -> _Container:
    containers = pod.status.container_statuses or ()
    return containers[0] if containers else _Container()


def _exit_text(end: _Terminated) -> str:
    text = exit_text(128 - end.exit_code if end.exit_code > 128 else end.exit_code)
    if end.reason == "OOMKilled":
        return f"{text}: it used more memory than its limit"
    return f"{text}: {one_line(end.message)}" if end.message else text


def _said(reason: str, message: str) -> str:
    return ": ".join(each for each in (one_line(reason), one_line(message)) if each) or "no reason was given"
