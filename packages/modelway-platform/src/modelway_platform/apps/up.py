"""`modelway up`: the whole platform on this machine, in one command."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.output import note, paint
from modelway.errors import InvalidRequestError
from modelway_platform.apps import database_url, supervisor
from modelway_platform.apps.child_process import PART_VARIABLE, ChildSettings
from modelway_platform.apps.output_settings import read_outputs
from modelway_platform.apps.ports import console_ports, control_grpc_ports, grpc_ports, listening_ports, tls_files
from modelway_platform.apps.ports.gateway_sockets import descriptors, shared_sockets
from modelway_platform.apps.probes import until_answering
from modelway_platform.apps.rolling import Rolling
from modelway_platform.apps.state_directory import JOBS_SECRET, StateDirectory, only_user
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.discovery.providers import read_providers
from modelway_platform.gateway.proxy.edge.edge import CertificatePair
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls, replica_context
from modelway_platform.store.files.acknowledgements import acknowledgement_path, read_acknowledgements

# Replicas have the drain time of their deployment; control gives up on them after a minute.
CONTROL_STOP_SECONDS = 75.0
WORKER_STOP_SECONDS = 15.0
LEFT_OVER_SECONDS = 5.0
MOST_WORKERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class UpSettings:
    """What the person asked for, ports settled."""

    directory: StateDirectory
    host: str
    port: int
    control_host: str
    control_port: int
    workers: int
    jobs_port: int
    certificates: tuple[CertificatePair, ...] = ()
    max_connections_per_address: int = 0
    replica_tls: ReplicaTls | None = None
    grpc_port: int = 0
    console_port: int = 0
    control_grpc_port: int = 0
    database: str = field(default="", repr=False)  # with a password, perhaps

    @property
    def gateway_url(self) -> str:
        return listening_ports.url_of(self.host, self.port, secure=bool(self.certificates))

    @property
    def control_url(self) -> str:
        return listening_ports.url_of(self.control_host, self.control_port)

    @property
    def console_url(self) -> str:
        """Empty where there is none."""
        return listening_ports.url_of(self.control_host, self.console_port) if self.console_port else ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's options."""
    home = os.environ.get("MODELWAY_HOME") or "~/.modelway"
    add = parser.add_argument
    add("--directory", type=Path, default=Path(home), help="where all state is kept ($MODELWAY_HOME, else ~/.modelway)")
    database_url.add_argument(parser)
    add("--host", default="127.0.0.1", help="address of the gateway (127.0.0.1)")
    add("--port", type=int, default=8000, help="port of the gateway; 0 for any free one (8000)")
    grpc_ports.add_argument(parser)
    add("--control-host", default="127.0.0.1", help="address of the control API (127.0.0.1)")
    add("--control-port", type=int, default=7070, help="port of the control API; 0 for any free one (7070)")
    control_grpc_ports.add_argument(parser)
    console_ports.add_argument(parser)
    add("--workers", type=int, default=1, help="gateway processes, which share the port (1)")
    tls_files.add_arguments(parser)
    add(
        "--max-connections-per-address",
        type=int,
        default=0,
        metavar="COUNT",
        help="connections one address may have with each gateway process; 0 for no such bound (0)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the platform until Ctrl-C."""
    if not 1 <= arguments.workers <= MOST_WORKERS:
        raise InvalidRequestError(f"--workers {arguments.workers}: give a number from 1 to {MOST_WORKERS}")
    if arguments.max_connections_per_address < 0:
        raise InvalidRequestError(f"--max-connections-per-address {arguments.max_connections_per_address}: 0 or more")
    certificates = tls_files.settle(arguments.tls_cert, arguments.tls_key, os.environ)
    replica_tls = tls_files.replica_tls_of(arguments.replica_ca, arguments.replica_cert, arguments.replica_key)
    if replica_tls is not None:
        replica_context(replica_tls)  # an error now, not in every worker
    if arguments.port == arguments.control_port != 0 and arguments.host == arguments.control_host:
        raise InvalidRequestError(
            f"--port and --control-port are both {arguments.port}", hint="give gateway and control a port each"
        )
    read_providers(os.environ)  # an error now, not in control
    directory = StateDirectory(root=arguments.directory.expanduser().absolute())
    directory.make()
    read_outputs(directory.outputs_file)  # an error now, not in a log
    database = database_url.settle(arguments.database, os.environ, directory.root)
    with only_user(directory):
        end_left_over(directory.instance())
        directory.kept_secret(JOBS_SECRET)  # before several processes would make it at once
        settings = UpSettings(
            directory=directory,
            host=arguments.host,
            port=listening_ports.settle(arguments.host, arguments.port, "--port"),
            control_host=arguments.control_host,
            control_port=listening_ports.settle(
                arguments.control_host, arguments.control_port, "--control-port", "--control-host"
            ),
            workers=arguments.workers,
            jobs_port=listening_ports.settle("127.0.0.1", 0, "--port"),
            certificates=certificates,
            max_connections_per_address=arguments.max_connections_per_address,
            replica_tls=replica_tls,
            grpc_port=grpc_ports.settle(arguments.host, arguments.grpc_port, arguments.port),
            control_grpc_port=control_grpc_ports.settle(
                arguments.control_host, arguments.control_grpc_port, arguments.control_port
            ),
            console_port=console_ports.settle(arguments.control_host, arguments.console_port, arguments.control_port),
            database=database,
        )
        supervisor.adopt_orphans()
        try:
            asyncio.run(supervise(settings))
        finally:
            end_replicas_if_control_did_not(directory.instance())
    return EXIT_OK


async def supervise(settings: UpSettings) -> None:
    """Starts everything and returns when everything has been stopped again."""
    lifeline, held = os.pipe()
    directory = settings.directory
    for left in read_acknowledgements(directory.gateway):
        acknowledgement_path(directory.gateway, left.worker).unlink(missing_ok=True)
    try:
        with (
            shared_sockets(settings.host, settings.port, settings.workers) as sockets,
            shared_sockets(settings.host, settings.grpc_port, settings.workers if settings.grpc_port else 0) as rpc,
        ):
            workers = Rolling(
                lambda position, index: _worker(settings, lifeline, index, descriptors(position, sockets, rpc)),
                settings.workers,
                directory.gateway,
                directory.roll_result,
            )
            parts = supervisor.Supervisor(
                _control(settings, lifeline),
                workers,
                callers=(
                    _jobs(settings, lifeline),
                    *_console(settings, lifeline),
                    _watcher(settings, lifeline),
                    *_outputs(settings, lifeline),
                ),
                collector=_child(settings, "collector", lifeline, (), output=None, stop_seconds=WORKER_STOP_SECONDS),
                say=note,
            )
            await parts.run(lambda: _until_ready(settings), lambda: _print_ready(settings))
    finally:
        os.close(lifeline)
        os.close(held)


def end_left_over(instance: str) -> None:
    """Waits for control and workers of a killed `modelway up`: they end by themselves, or are ended."""
    deadline = time.monotonic() + LEFT_OVER_SECONDS
    while left := list(process_table.find_marked(instance, PART_VARIABLE)):
        if time.monotonic() >= deadline:
            for part in left:
                process_table.send(part.identity, signal.SIGKILL)
        time.sleep(0.05)


def end_replicas_if_control_did_not(instance: str) -> None:
    """Nothing may outlive an orderly end, even if control could not do its part."""
    left = process_table.end_marked(instance)
    if left:
        note(f"ended {left} processes of replicas by force")


def _control(settings: UpSettings, lifeline: int) -> ChildSettings:
    arguments = (
        "--host",
        settings.control_host,
        "--port",
        str(settings.control_port),
        "--gateway",
        settings.gateway_url,
        "--grpc-port",
        str(settings.control_grpc_port),
        "--console",
        settings.console_url,
    )
    child = _child(settings, "control", lifeline, arguments, output=None, stop_seconds=CONTROL_STOP_SECONDS)
    return replace(child, environment=database_url.only_with(settings.database, child.environment))


def _worker(settings: UpSettings, lifeline: int, index: int, listening: tuple[int, ...]) -> ChildSettings:
    arguments = (
        *("--host", settings.host, "--port", str(settings.port), "--index", str(index)),
        *("--socket", str(listening[0])),
        *("--workers", str(settings.workers)),
        *("--jobs-port", str(settings.jobs_port)),
        *("--max-connections-per-address", str(settings.max_connections_per_address)),
        *(
            "--grpc-port",
            str(settings.grpc_port),
            *(("--grpc-socket", str(listening[1])) if settings.grpc_port else ()),
        ),
        *tls_files.options_of(settings.certificates, settings.replica_tls),
    )
    output = settings.directory.gateway_log
    child = _child(settings, "gateway", lifeline, arguments, output=output, stop_seconds=WORKER_STOP_SECONDS)
    return replace(child, descriptors=listening)


def _jobs(settings: UpSettings, lifeline: int) -> ChildSettings:
    arguments = ("--port", str(settings.jobs_port), "--gateway", settings.gateway_url)
    return _child(settings, "jobs", lifeline, arguments, output=None, stop_seconds=WORKER_STOP_SECONDS)


def _console(settings: UpSettings, lifeline: int) -> tuple[ChildSettings, ...]:
    if not settings.console_port:
        return ()
    arguments = (
        *("--host", settings.control_host, "--port", str(settings.console_port)),
        *("--control", settings.control_url, "--gateway", settings.gateway_url),
    )
    return (_child(settings, "console", lifeline, arguments, output=None, stop_seconds=WORKER_STOP_SECONDS),)


def _watcher(settings: UpSettings, lifeline: int) -> ChildSettings:
    arguments = ("--console", settings.console_url)
    child = _child(settings, "watcher", lifeline, arguments, output=None, stop_seconds=WORKER_STOP_SECONDS)
    return replace(child, environment=database_url.only_with(settings.database, child.environment))


def _outputs(settings: UpSettings, lifeline: int) -> tuple[ChildSettings, ...]:
    if not settings.directory.outputs_file.exists():
        return ()
    addresses = ("--control", settings.control_url, "--gateway", settings.gateway_url)
    arguments = (*addresses, *tls_files.options_of((), settings.replica_tls))
    return (_child(settings, "outputs", lifeline, arguments, output=None, stop_seconds=WORKER_STOP_SECONDS),)


def _child(
    settings: UpSettings,
    module: str,
    lifeline: int,
    arguments: tuple[str, ...],
    *,
    output: Path | None,
    stop_seconds: float,
) -> ChildSettings:
    places = ("--directory", str(settings.directory.root), "--lifeline", str(lifeline))
    return ChildSettings(
        name=module,
        arguments=(sys.executable, "-m", f"modelway_platform.apps.{module}", *places, *arguments),
        environment=database_url.only_with("", os.environ) | {PART_VARIABLE: settings.directory.instance()},
        lifeline=lifeline,
        output=output,
        stop_seconds=stop_seconds,
    )


def _until_ready(settings: UpSettings) -> Awaitable[None]:
    """Returns when control, gateway, jobs and console say that they are ready."""
    return until_answering(
        (
            ("control", settings.control_url, "/readyz"),
            ("the gateway", settings.gateway_url, "/_/readyz"),
            ("jobs", f"http://127.0.0.1:{settings.jobs_port}", "/livez"),
            *([("the console", settings.console_url, "/livez")] if settings.console_port else ()),
        ),
        say=note,
        hint=f"see the logs in {settings.directory.control_log.parent}",
    )


def _print_ready(settings: UpSettings) -> None:
    lines = (
        paint("Modelway is ready", "green"),
        f"  gateway  {settings.gateway_url}",
        f"  control  {settings.control_url}",
        *([f"  console  {settings.console_url}   (`modelway console` signs you in)"] if settings.console_port else ()),
        f"  state    {settings.directory.root}",
        *_control_grpc(settings),
        *([f"  gRPC     {grpc_ports.address_of(settings.host, settings.grpc_port)}"] if settings.grpc_port else ()),
    )
    print("\n".join(lines), flush=True)  # noqa: T201 - a verb of the command line prints
    note("Ctrl-C stops everything; `modelway up` with the same directory brings it back")


def _control_grpc(settings: UpSettings) -> tuple[str, ...]:
    address = grpc_ports.address_of(settings.control_host, settings.control_grpc_port)
    return (f"  API gRPC {address}",) if settings.control_grpc_port else ()


COMMAND = Command(
    name="up",
    help="Run the platform on this machine: control, gateway and the replicas you deploy.",
    example="modelway up\nmodelway up --port 9000 --workers 2 --directory ./state",
    add_arguments=add_arguments,
    run=run,
)
