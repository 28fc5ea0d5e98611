"""The control process: REST API, reconciler, route provider and publisher in one, restarted whole when any of them falls."""

import argparse
import asyncio
import errno
import logging
import os
import signal
import socket
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp

from modelway.errors import ConflictError, ModelwayError
from modelway_platform.apps import control_grpc, database_url
from modelway_platform.apps.admin_key import ensure_context
from modelway_platform.apps.event_log import event_log
from modelway_platform.apps.leaving import leave
from modelway_platform.apps.load_following import follow_load
from modelway_platform.apps.local_replicas import end_all, end_strays
from modelway_platform.apps.ports import listening_ports
from modelway_platform.apps.pruning import limits_of, prune_forever
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.apps.wiring.api import api_parts
from modelway_platform.apps.wiring.parts import ControlParts, open_parts
from modelway_platform.apps.wiring.settings import ControlSettings
from modelway_platform.deploy.api.application import authentication_of, make_app, make_dispatch
from modelway_platform.deploy.api.authentication import Authentication
from modelway_platform.deploy.api.dispatch import Dispatch
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.gateway.control.key_sets import KeySets

STOP_REPLICAS_SECONDS = 65.0
_GRACEFUL_SECONDS = 1
DATABASE_THREADS = 64

log = logging.getLogger("modelway_platform.apps.control")  # not `__main__`, which it is when run


class _Orders:
    """What signals and the supervisor's pipe ask of this process."""

    def __init__(self) -> None:
        self.given = asyncio.Event()
        self.orphaned = False
        self.hurry = asyncio.Event()

    def stop(self) -> None:
        """Asked once: end the replicas and leave. Asked again: at once."""
        if self.given.is_set():
            self.hurry.set()
        self.given.set()

    def supervisor_spoke(self, descriptor: int) -> None:
        """Its end of the pipe is closed only by its death. Then the replicas go on: the next `modelway up` adopts them."""
        if not os.read(descriptor, 1024):
            asyncio.get_running_loop().remove_reader(descriptor)
            self.orphaned = True
            self.given.set()


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to us: the API has to answer while replicas deregister."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs control until told to stop or the supervisor ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="modelway-control")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, default=0)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--console", default="")
    parser.add_argument("--lifeline", type=int, required=True)
    given = parser.parse_args(arguments)
    settings = ControlSettings(
        directory=StateDirectory(root=given.directory),
        host=given.host,
        port=given.port,
        control_url=listening_ports.url_of(given.host, given.port),
        gateway_url=given.gateway,
        console_url=given.console,
        grpc_port=given.grpc_port,
        lifeline=given.lifeline,
        database=os.environ.pop(database_url.VARIABLE, ""),  # no child of ours has business with it
        packages=database_url.packages_of(os.environ),
    )
    with event_log(settings.directory.control_log):
        try:
            uvloop.run(serve(settings))
        except ModelwayError as error:
            log.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")  # noqa: TRY400 - said in full
            return 1
        except Exception:
            log.exception("control ends")
            return 1
    return 0


async def serve(settings: ControlSettings) -> None:
    """Runs all parts until an order comes, then ends them in order."""
    orders = _Orders()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, orders.stop)
    os.set_blocking(settings.lifeline, False)
    loop.add_reader(settings.lifeline, orders.supervisor_spoke, settings.lifeline)
    if settings.database:
        # A database on the network may be silent for a while, and those who wait for it must not keep others from a thread:
        # replicas go on renewing their leases.
        loop.set_default_executor(ThreadPoolExecutor(DATABASE_THREADS, "work"))
    with open_parts(settings) as parts, _listening_socket(settings) as listening:
        _settle_key(settings, parts)
        await asyncio.to_thread(parts.publisher.publish)
        api = api_parts(settings, parts)
        dispatch = make_dispatch(api)
        server = _Server(_uvicorn_settings(make_app(api, dispatch)))
        jobs = (
            asyncio.create_task(_lead(parts, settings.directory), name="reconciler"),
            asyncio.create_task(parts.publisher.run(parts.changes), name="publisher"),
            asyncio.create_task(parts.leases.expire_forever(), name="route provider"),
            *(asyncio.create_task(each.run(), name=f"follower of {each.name}") for each in parts.followers),
            asyncio.create_task(_prune(settings.directory, parts), name="pruning"),
            *parts.sharing.jobs(settings.database, parts.stores.database, parts.changes, parts.orders),
            *_strays(settings, parts),
            *_grpc(settings, dispatch, authentication_of(api.access)),
            asyncio.create_task(server.serve(sockets=[listening]), name="API"),
        )
        try:
            log.info("control started", extra={"pid": os.getpid()})
            await _until_ordered(orders, jobs)
            if not orders.orphaned:
                await _leave(orders, parts, settings.directory.instance(), jobs[0])
            log.info("control stops", extra={"orphaned": orders.orphaned})
            api.watching.closing.set()  # ends all watching and following, for which the server would wait
            parts.changes.notify()
            server.should_exit = True
            await asyncio.wait([jobs[-1]], timeout=_GRACEFUL_SECONDS + 2)
        finally:
            await _cancel(*jobs)
            await parts.placing.preparations.close()


def _grpc(
    settings: ControlSettings, dispatch: Dispatch, authentication: Authentication
) -> Sequence[asyncio.Task[None]]:
    if not settings.grpc_port:
        return ()
    serving = control_grpc.serve(dispatch, authentication, settings.host, settings.grpc_port)
    return (asyncio.create_task(serving, name="API over gRPC"),)


async def _lead(parts: ControlParts, directory: StateDirectory) -> None:
    """Does what only one control process may, from when it leads until it is told to finish; raises when it leads no more."""
    leadership = parts.sharing.leadership
    await leadership.until_leading()
    reconciling = asyncio.create_task(_reconcile(parts, directory.instance()), name="reconciler")
    others = (
        asyncio.create_task(follow_load(directory, parts.reconciling.autoscaler), name="autoscaler"),
        asyncio.create_task(parts.git.follower.run(parts.changes), name="Git follower"),
        asyncio.create_task(parts.promoter.run(parts.changes), name="promoter"),
        asyncio.create_task(parts.git.writer.run(parts.changes), name="Git writer"),
        asyncio.create_task(parts.rollout_engine.run(parts.changes), name="rollouts"),
        asyncio.create_task(KeySets(parts.led.issuers).run(parts.changes), name="key sets"),
        asyncio.create_task(leadership.keep(), name="leadership"),
    )
    try:
        done, _ = await asyncio.wait([reconciling, *others], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        await _cancel(reconciling, *others)


def _strays(settings: ControlSettings, parts: ControlParts) -> Sequence[asyncio.Task[None]]:
    if not parts.stores.database.shared:
        return ()
    ending = end_strays(settings.directory.instance(), parts.stores.replicas, lambda: parts.sharing.leadership.leading)
    return (asyncio.create_task(ending, name="strays"),)


async def _leave(orders: _Orders, parts: ControlParts, instance: str, leading: asyncio.Task[None]) -> None:
    """Ends the replicas: all of them, or where others go on with the work, those of this machine."""
    leadership = parts.sharing.leadership
    parts.reconciling.reconciler.finish()
    if leadership.leading:
        await leading
    else:
        await _cancel(leading)
    if not parts.stores.database.shared:
        await _stop_replicas(orders, parts, instance)
        return
    await leadership.release()
    if not await end_all(instance, STOP_REPLICAS_SECONDS, orders.hurry):
        log.warning("some replicas did not stop in time")


async def _reconcile(parts: ControlParts, instance: str) -> None:
    """Reconciles for ever, after clearing away what an earlier control process was killed in."""
    process_table.end_marked(instance, replica="")  # builds; replicas are adopted
    await asyncio.to_thread(parts.packages.preparer.clean)
    await parts.reconciling.reconciler.run()


async def _until_ordered(orders: _Orders, jobs: Sequence[asyncio.Task[None]]) -> None:
    """Returns when told to stop; raises what a job raised, so that the supervisor starts everything anew."""
    given = asyncio.create_task(orders.given.wait())
    try:
        done, _ = await asyncio.wait([given, *jobs], return_when=asyncio.FIRST_COMPLETED)
        for job in jobs:
            if job in done:
                job.result()
                raise ModelwayError(f"the {job.get_name()} ended by itself", hint="please report it")
    finally:
        await _cancel(given)


async def _stop_replicas(orders: _Orders, parts: ControlParts, instance: str) -> None:
    stopping = asyncio.create_task(parts.reconciling.reconciler.stop_all(STOP_REPLICAS_SECONDS))
    hurry = asyncio.create_task(orders.hurry.wait())
    await asyncio.wait([stopping, hurry], return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        process_table.end_marked(instance)
    if not await stopping:
        log.warning("some replicas did not stop in time")
    await _cancel(hurry)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _settle_key(settings: ControlSettings, parts: ControlParts) -> None:
    path = settings.directory.context
    secret = ensure_context(
        path,
        parts.stores.keys,
        control_url=settings.control_url,
        gateway_url=settings.gateway_url,
        console_url=settings.console_url,
    )
    if secret:
        # Here and not in the supervisor: it is on the terminal before anybody can find the API ready.
        print(f"admin key, shown this once and kept in {path}:\n  {secret}", flush=True)  # noqa: T201 - for the person


@contextmanager
def _listening_socket(settings: ControlSettings) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=256)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise ConflictError(
            f"port {settings.port} of {settings.host} is in use by another program",
            hint="choose another with --control-port",
        ) from error
    with listening:
        yield listening


async def _prune(directory: StateDirectory, parts: ControlParts) -> None:
    """Layers and begun fetches that nobody uses make room; those of what is declared stay."""

    def declared() -> list[str]:
        return [record.deployment.package for record in parts.stores.documents.declared().deployments]

    folder = directory.root / "images" / "layers"
    await prune_forever(folder, parts.packages.store.root, limits_of(os.environ), declared)


def _uvicorn_settings(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )


if __name__ == "__main__":
    leave(main())
