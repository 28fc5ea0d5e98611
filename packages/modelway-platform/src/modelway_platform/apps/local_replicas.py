"""Replicas on this machine while another control process leads: ended when they run elsewhere by now, and when this one leaves."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Mapping

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.deploy.operators.processes.process_table import Marked
from modelway_platform.domain.records import ReplicaRecord, ReplicaState
from modelway_platform.store.declared.replicas import Replicas

LOOK_SECONDS = 10.0

log = logging.getLogger(__name__)


def is_stray(process: Marked, records: Mapping[str, ReplicaRecord]) -> bool:
    """Whether a replica's process is none any more: nobody keeps a record of it, or the record is of one that answers elsewhere."""
    record = records.get(process.replica)
    if record is None:
        return True
    identity = process.identity
    there = record.placement
    here = (there.get("pid"), there.get("start_time"), there.get("boot"))
    return here != (identity.pid, identity.start_time, identity.boot) and record.state is ReplicaState.READY


async def end_strays(instance: str, replicas: Replicas, leading: Callable[[], bool]) -> None:
    """Ends them gently, again and again until cancelled, unless this process leads: then its fleet sees to them."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if leading():
            continue
        try:
            records = {record.id: record for record in await asyncio.to_thread(replicas.list)}
        except ModelwayError:
            continue
        for process in await asyncio.to_thread(_leaders, instance):
            if is_stray(process, records) and not leading():
                log.info("a replica that runs elsewhere by now is ended", extra={"replica": process.replica})
                process_table.send(process.identity, signal.SIGTERM)


async def end_all(instance: str, seconds: float, hurry: asyncio.Event) -> bool:
    """Lets all replicas of this machine finish and leave. Returns whether they have, in time."""
    deadline = time.monotonic() + seconds
    for process in await asyncio.to_thread(_leaders, instance):
        process_table.send(process.identity, signal.SIGTERM)
    while await asyncio.to_thread(_leaders, instance):
        if hurry.is_set() or time.monotonic() >= deadline:
            process_table.end_marked(instance)
            return False
        await asyncio.sleep(0.2)
    return True


def _leaders(instance: str) -> list[Marked]:
    return [each for each in process_table.find_marked(instance) if each.leader and each.replica]
