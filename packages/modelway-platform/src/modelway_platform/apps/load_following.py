"""The autoscaler as control runs it: measured every second, and at once when a gateway rings."""

import asyncio

from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.reconcile.autoscaler import Autoscaler
from modelway_platform.store.files.load_reports import Bell


async def follow_load(directory: StateDirectory, autoscaler: Autoscaler) -> None:
    """Runs until it is cancelled."""
    loop = asyncio.get_running_loop()
    bell = Bell(directory.gateway)

    def rung() -> None:
        bell.hear()
        autoscaler.wake()

    loop.add_reader(bell.descriptor, rung)
    try:
        await autoscaler.run()
    finally:
        loop.remove_reader(bell.descriptor)
        bell.close()
