"""What following the load costs under traffic of several shapes: `python -m benchmarks.autoscaling`.

A model second by second: replicas take a while to start, and what they cannot take at once waits. Only the decision is real.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway_platform.domain.deployments.autoscale import Autoscale
from modelway_platform.domain.deployments.scale_decision import LoadSample, Memory, decide_scale

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE_SECONDS = 0.2
SHAPES: dict[str, Callable[[int], float]] = {
    "ramp": lambda now: now / 10,
    "spike": lambda now: 150.0 if 600 <= now < 720 else 10.0,
    "day": lambda now: 80 * (1 - math.cos(2 * math.pi * now / 3600)) / 2 + 5,
    "on/off": lambda now: 100.0 if now // 300 % 2 else 0.0,
}


@dataclass
class Outcome:
    """What became of a run; replica seconds are what it cost, waiting seconds what callers paid."""

    replica_seconds: float = 0.0
    needed_seconds: float = 0.0
    over_seconds: float = 0.0
    short_seconds: int = 0
    seconds: int = 0
    worst_wait: float = 0.0
    changes: int = 0
    most: int = 0
    history: list[int] = field(default_factory=list[int])

    def line(self, name: str) -> str:
        over = self.over_seconds / max(self.needed_seconds, 1e-9)
        return (
            f"{name:8} over-provisioned {over:6.1%} of what is needed, short in {self.short_seconds / self.seconds:5.1%} of seconds, "
            f"worst wait {self.worst_wait:5.1f} s, {self.changes} changes, at most {self.most}"
        )


def simulate(
    policy: Autoscale,
    rate: Callable[[int], float],
    seconds: int,
    *,
    start_seconds: int = 8,
    concurrency: float | None = None,
) -> Outcome:
    """Runs the decision once a second.

    Args:
        policy: What is declared.
        rate: Requests a second, by the second.
        seconds: How long.
        start_seconds: From wanted to ready.
        concurrency: What one replica works on at once; its target where it is not said.
    """
    at_once = concurrency or policy.in_flight
    outcome = Outcome(seconds=seconds)
    wanted, ready, backlog = policy.first, policy.first, 0.0
    starting: deque[int] = deque()
    samples: deque[LoadSample] = deque()
    memory = Memory(since=0.0, active_at=0.0)
    for now in range(seconds):
        while starting and starting[0] <= now:
            starting.popleft()
            ready += 1
        arrived = rate(now)
        backlog += arrived
        capacity = ready * at_once / SERVICE_SECONDS
        done = min(backlog, capacity)
        backlog -= done
        in_flight = done * SERVICE_SECONDS + backlog
        needed = math.ceil(arrived * SERVICE_SECONDS / policy.in_flight - 1e-9)
        outcome.replica_seconds += ready + len(starting)
        outcome.needed_seconds += needed
        outcome.over_seconds += max(ready - max(needed, policy.min_replicas), 0)
        outcome.short_seconds += backlog > 0.5
        outcome.worst_wait = max(outcome.worst_wait, backlog / capacity if capacity else backlog / max(arrived, 1))
        held = round(backlog) if not ready else 0
        samples.append(LoadSample(at=now, in_flight=in_flight, held=held, active=arrived > 0))
        while samples[0].at < now - policy.stable_seconds:
            samples.popleft()
        scale = decide_scale(policy, samples, ready=ready, wanted=wanted, memory=memory, now=now)
        memory = scale.memory
        outcome.changes += scale.wanted != wanted
        for _ in range(max(scale.wanted - ready - len(starting), 0)):
            starting.append(now + start_seconds)
        while ready + len(starting) > scale.wanted:
            if starting:
                starting.pop()
            else:
                ready -= 1
        wanted = scale.wanted
        outcome.most = max(outcome.most, wanted)
        outcome.history.append(wanted)
    return outcome


def main() -> None:
    """Prints a line for each shape: 0.2 s a request, 4 in flight wanted for each replica, which works on 5; 8 s to start one."""
    policy = Autoscale(min_replicas=1, max_replicas=20, in_flight=4)
    for name, rate in SHAPES.items():
        print(simulate(policy, rate, 3600, concurrency=5).line(name))


if __name__ == "__main__":
    main()
