"""Linux processes seen through /proc: which one is which, and which ones carry our mark."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

INSTANCE_VARIABLE = "MODELWAY_INSTANCE"
REPLICA_VARIABLE = "MODELWAY_REPLICA_ID"
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process for certain: a pid alone may be given to another process, or mean nothing after a reboot."""

    pid: int
    start_time: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A running process that carries the mark of one platform instance; `replica` is empty for a helper process."""

    identity: Identity
    replica: str
    leader: bool


def boot_id() -> str:
    """A different text after each boot of the machine."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> Identity | None:
    """The process that has this pid now, or None if there is none or it is dead and only waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in parentheses may hold anything, spaces and brackets too
    state, start_time = fields[0], int(fields[19])
    return None if state in {"Z", "X", "x"} else Identity(pid=pid, start_time=start_time, boot=boot_id())


def find_marked(instance: str, variable: str = INSTANCE_VARIABLE) -> Iterator[Marked]:
    """Every running process but this one whose environment names the platform instance in `variable`."""
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:  # ended meanwhile, or another user's
            continue
        if f"{variable}={instance}".encode() not in environment.split(b"\0"):
            continue
        pid = int(entry.name)
        identity = identify(pid)
        if identity is not None and pid != os.getpid():
            yield Marked(identity=identity, replica=_variable(environment, REPLICA_VARIABLE), leader=_is_leader(pid))


def end_marked(instance: str, *, replica: str | None = None) -> int:
    """Kills the processes with this mark (all, or one replica's); returns how many there were."""
    ended = 0
    for marked in find_marked(instance):
        if replica is None or marked.replica == replica:
            send(marked.identity, signal.SIGKILL)
            ended += 1
    return ended


def send(identity: Identity, number: signal.Signals) -> None:
    """Signals exactly this process; nothing happens if it is gone, even if its pid is in use again."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(identity.pid)
        try:
            if identify(identity.pid) == identity:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _variable(environment: bytes, name: str) -> str:
    prefix = f"{name}=".encode()
    return next((v[len(prefix) :].decode() for v in environment.split(b"\0") if v.startswith(prefix)), "")


def _is_leader(pid: int) -> bool:
    with suppress(ProcessLookupError):
        return os.getsid(pid) == pid
    return False
