"""How many cores this process may really use, and each worker's share: a container's limit counts, not the machine's size."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Cores of the affinity mask, or fewer where a control group's quota says so (cgroup-v2 `cpu.max`, v1 `cfs_quota_us`).

    Args:
        cgroup: Where the control group of this process is mounted, as it is in a container.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def threads_of(workers: int, cores: int) -> int:
    """The threads of one of several workers, each with a model of its own: one at least."""
    return max(1, cores // workers)


def _quota(cgroup: Path) -> float | None:
    """Cores' worth of time per period; None without a limit."""
    try:
        if (cgroup / "cpu.max").is_file():
            limit, _, period = (cgroup / "cpu.max").read_text(encoding="ascii").strip().partition(" ")
        else:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        return int(limit) / int(period) if limit not in {"max", "-1"} else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
