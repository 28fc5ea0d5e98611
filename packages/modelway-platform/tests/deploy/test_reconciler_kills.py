"""Control killed at any write: the next one finishes, without doubles or orphans (row R5)."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from journeys.control_bench import (
    DEPLOYMENT,
    KEY,
    OTHER,
    Control,
    processes,
    until,
)

from modelway_platform.store.declared.documents import Documents


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killed_at_any_write_the_next_control_finishes_without_doubles_or_orphans(
    control: Callable[..., Control], instance: str, tmp_path: Path
) -> None:
    """Start, replace and delete; control dies before and after every durable write of a replica's record."""
    steps: list[Callable[[Documents], object]] = [
        lambda documents: documents.apply_deployment(DEPLOYMENT),
        lambda documents: documents.apply_deployment(replace(DEPLOYMENT, package=OTHER, replicas=1)),
        lambda documents: documents.delete("Deployment", str(KEY)),
    ]
    kills = 0
    for point in range(1, 60):
        folder = tmp_path / str(point)
        one, survived = control(point, folder), True
        for number, step in enumerate(steps):
            step(one.documents)
            wanted = (2, 1, 0)[number]
            deadline = time.monotonic() + 15
            while not one.reached(wanted):
                assert time.monotonic() < deadline, f"kill at {point}: step {number} did not finish"
                if one.task.done():
                    survived = False
                    kills += 1
                    await one.kill()
                    one = control(0, folder)
                await asyncio.sleep(0.02)
            await until(lambda wanted=wanted: len(processes(instance)) == wanted)
        assert one.replicas.list() == []
        await one.kill()
        if survived:
            break
    assert kills >= 20
