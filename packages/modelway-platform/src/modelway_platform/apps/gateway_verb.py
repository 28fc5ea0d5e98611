"""`modelway gateway`: a gateway on a machine of its own, and the replacement of a gateway's workers."""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.showing.output import note, paint
from modelway.errors import ConflictError, InvalidRequestError, ModelwayError, NotFoundError
from modelway_platform.apps import supervisor
from modelway_platform.apps.child_process import PART_VARIABLE, ChildSettings
from modelway_platform.apps.ports import grpc_ports, listening_ports, tls_files
from modelway_platform.apps.ports.gateway_sockets import descriptors, shared_sockets
from modelway_platform.apps.probes import until_answering
from modelway_platform.apps.rolling import Rolling
from modelway_platform.apps.state_directory import StateDirectory, only_user
from modelway_platform.apps.supervisor import ROLL_SIGNAL
from modelway_platform.apps.table_follower import KEY_VARIABLE
from modelway_platform.gateway.proxy.edge.edge import CertificatePair

RESTART_SECONDS = 300.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What the person asked for, ports settled."""

    directory: StateDirectory
    control: str
    name: str
    host: str
    port: int
    workers: int
    certificates: tuple[CertificatePair, ...]
    grpc_port: int = 0

    @property
    def url(self) -> str:
        """Where this gateway answers."""
        return listening_ports.url_of(self.host, self.port, secure=bool(self.certificates))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the sub-verbs."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run_parser = verbs.add_parser(
        "run", help="a gateway whose route table comes from a control elsewhere", formatter_class=HelpFormatter
    )
    _directory_option(run_parser)
    add = run_parser.add_argument
    add("--control", required=True, metavar="URL", help="where the control API is")
    add("--name", default="", help="what control and records call this gateway (the host's name)")
    add("--host", default="127.0.0.1", help="address of the gateway (127.0.0.1)")
    add("--port", type=int, default=8000, help="port of the gateway; 0 for any free one (8000)")
    add("--workers", type=int, default=1, help="processes, which share the port (1)")
    grpc_ports.add_argument(run_parser)
    tls_files.add_arguments(run_parser)
    restart_parser = verbs.add_parser(
        "restart", help="replace the workers one by one; no caller is refused", formatter_class=HelpFormatter
    )
    _directory_option(restart_parser)


def _directory_option(parser: argparse.ArgumentParser) -> None:
    home = os.environ.get("MODELWAY_HOME") or "~/.modelway"
    parser.add_argument("--directory", type=Path, default=Path(home), help="the state directory ($MODELWAY_HOME)")


def run(arguments: argparse.Namespace) -> int:
    """Runs a gateway until Ctrl-C, or restarts one."""
    directory = StateDirectory(root=arguments.directory.expanduser().absolute())
    if arguments.action == "restart":
        return restart(directory)
    if not os.environ.get(KEY_VARIABLE):
        raise InvalidRequestError(
            f"{KEY_VARIABLE} is not set", hint="make a key at control: modelway key create NAME --role gateway"
        )
    if not arguments.control.startswith(("http://", "https://")):
        raise InvalidRequestError(f"--control {arguments.control}: give a URL, such as https://control.example:7070")
    directory.make()
    with only_user(directory):
        settings = RunSettings(
            directory=directory,
            control=arguments.control.rstrip("/"),
            name=arguments.name,
            host=arguments.host,
            port=listening_ports.settle(arguments.host, arguments.port, "--port"),
            workers=arguments.workers,
            certificates=tls_files.settle(arguments.tls_cert, arguments.tls_key, os.environ),
            grpc_port=grpc_ports.settle(arguments.host, arguments.grpc_port, arguments.port),
        )
        supervisor.adopt_orphans()
        asyncio.run(supervise(settings))
    return EXIT_OK


async def supervise(settings: RunSettings) -> None:
    """Starts the follower and the workers, and returns when all has been stopped again."""
    lifeline, held = os.pipe()
    directory = settings.directory
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
            parts = supervisor.Supervisor(_follower(settings, lifeline), workers, say=note)
            await parts.run(
                lambda: until_answering((("the gateway", settings.url, "/_/readyz"),), say=note), lambda: _say(settings)
            )
    finally:
        os.close(lifeline)
        os.close(held)


def restart(directory: StateDirectory) -> int:
    """Asks the supervisor of this directory to replace its gateway workers, and waits for the outcome.

    Raises:
        ModelwayError: Nothing runs there, or the new workers did not serve; the old ones go on then.
    """
    before = _outcome(directory.roll_result)
    pid = _supervisor_of(directory)
    os.kill(pid, ROLL_SIGNAL)
    ends = time.monotonic() + RESTART_SECONDS
    while (outcome := _outcome(directory.roll_result)) == before:
        if time.monotonic() > ends:
            raise ModelwayError(f"the workers were not replaced within {RESTART_SECONDS:.0f} s", hint="see its log")
        time.sleep(0.05)
    if outcome.partition(" ")[2] != "ok":
        raise ConflictError(outcome.partition(" ")[2])
    print(paint("the gateway's workers have been replaced", "green"))  # noqa: T201 - a verb prints
    return EXIT_OK


def _outcome(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _supervisor_of(directory: StateDirectory) -> int:
    try:
        with only_user(directory):
            pass
    except ConflictError:
        return int((directory.run / "up.lock").read_text(encoding="ascii"))
    raise NotFoundError(f"nothing runs in {directory.root}", hint="name the platform's directory with --directory")


def _follower(settings: RunSettings, lifeline: int) -> ChildSettings:
    return _child(settings, "table_follower", lifeline, ("--control", settings.control, *_name(settings)))


def _name(settings: RunSettings) -> tuple[str, ...]:
    """Where nobody gave one, each process takes the host's."""
    return ("--name", settings.name) if settings.name else ()


def _worker(settings: RunSettings, lifeline: int, index: int, listening: tuple[int, ...]) -> ChildSettings:
    arguments = (
        *("--host", settings.host, "--port", str(settings.port), "--index", str(index), "--socket", str(listening[0])),
        *("--workers", str(settings.workers)),
        *(
            "--grpc-port",
            str(settings.grpc_port),
            *(("--grpc-socket", str(listening[1])) if settings.grpc_port else ()),
        ),
        *tls_files.options_of(settings.certificates),
        *_name(settings),
    )
    return _child(settings, "gateway", lifeline, arguments, listening)


def _child(
    settings: RunSettings, module: str, lifeline: int, arguments: tuple[str, ...], descriptors: tuple[int, ...] = ()
) -> ChildSettings:
    places = ("--directory", str(settings.directory.root), "--lifeline", str(lifeline))
    return ChildSettings(
        name=module,
        arguments=(sys.executable, "-m", f"modelway_platform.apps.{module}", *places, *arguments),
        environment={**os.environ, PART_VARIABLE: settings.directory.instance()},
        lifeline=lifeline,
        stop_seconds=STOP_SECONDS,
        descriptors=descriptors,
    )


def _say(settings: RunSettings) -> None:
    print(f"{paint('Modelway gateway is ready', 'green')}\n  gateway  {settings.url}", flush=True)  # noqa: T201
    if settings.grpc_port:
        print(f"  gRPC     {grpc_ports.address_of(settings.host, settings.grpc_port)}", flush=True)  # noqa: T201
    note("Ctrl-C stops it; it serves on by its last route table when control is away")


COMMAND = Command(
    name="gateway",
    help="Run a gateway on a machine of its own, or replace a gateway's workers without refusing anybody.",
    example="modelway gateway run --control https://control.example:7070 --workers 2\nmodelway gateway restart",
    add_arguments=add_arguments,
    run=run,
)
