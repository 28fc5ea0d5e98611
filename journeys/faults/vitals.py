"""The processes that requests go through: which they are and how much memory they hold."""

from pathlib import Path

from journeys.faults.attacker import resident
from journeys.running_platform import RunningPlatform


class Vitals:
    """Gateway workers and the model servers of one project, as they were when this was made.

    Args:
        platform: Runs.
        project: Whose replicas.
    """

    def __init__(self, platform: RunningPlatform, project: str) -> None:
        self._platform = platform
        self._mark = f"\0MODELWAY_PROJECT={project}\0".encode()
        self.pids = self._now()
        self.resident = {pid: resident(pid) for pid in self.pids}

    @property
    def restarted(self) -> int:
        """How many of them are not there any more, or have been joined by another."""
        return len(self.pids ^ self._now())

    @property
    def growth(self) -> float:
        """By which share the one that grew most has grown."""
        return max(resident(pid) / before - 1 for pid, before in self.resident.items())

    def _now(self) -> frozenset[int]:
        return frozenset(pid for pid in self._platform.processes() if self._counts(pid))

    def _counts(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return b"modelway_platform.apps.gateway" in command or self._mark in b"\0" + environment
