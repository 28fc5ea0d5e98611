"""`modelway serve`: a handler, project or package answers requests on this machine."""

import argparse
import asyncio
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli import serve_observing, serve_quarantine, serve_secrets
from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.output import note, paint, seconds_text
from modelway.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from modelway.serving.settings import Identity, RegistrationSettings, ServeSettings, Target, TlsFiles
    from modelway.serving.supervisor import Ready

_LAST_PORT = 65535
_MOST_PROCESSES = 64
_OFF = -1
_USUAL_PORT = 8080
_USUAL_GRPC_PORT = 8081
_DEVICE = re.compile(r"[a-z]+(?::[0-9]{1,3})?", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("target", help="project folder, .mwpkg file, unpacked package, or module:Class")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: only this machine)")
    parser.add_argument("--port", type=_port, default=_USUAL_PORT, help="0 takes a free one (default: 8080)")
    parser.add_argument(
        "--grpc-port",
        type=_grpc_port,
        metavar="PORT",
        help="for gRPC, which needs modelway[grpc]; 0 takes a free one, 'off' is none (default: 8081, or a free one beside another --port)",
    )
    parser.add_argument("--workers", type=_positive, default=1, help="processes, each with its own model (default: 1)")
    parser.add_argument(
        "--model-processes",
        type=_count,
        metavar="N",
        help="processes of its own the model gets per worker; 0 is a thread of the worker (default: MODELWAY_MODEL_PROCESSES, or 0)",
    )
    parser.add_argument("--name", default="", metavar="PROJECT/MODEL/VERSION", help="who it is; labels its metrics")
    parser.add_argument(
        "--drain-seconds", type=_seconds, default=10.0, help="for requests under way when told to stop (default: 10)"
    )
    parser.add_argument("--queue-size", type=_positive, default=1024, help="requests that may wait per worker")
    parser.add_argument(
        "--device",
        type=_devices,
        default=("cpu",),
        metavar="DEVICE[,DEVICE]",
        help="what handlers find in self.device: cpu, cuda, cuda:0,cuda:1 for workers or model processes in turn (default: cpu)",
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        default=0,
        help="what handlers find in self.threads (default: the cores, shared among workers)",
    )
    parser.add_argument("--tls-cert", default="", metavar="FILE", help="certificate with its chain (PEM): HTTPS")
    parser.add_argument("--tls-key", default="", metavar="FILE", help="its key; left out if it is in the same file")
    parser.add_argument(
        "--tls-client-ca", default="", metavar="FILE", help="CA (PEM) of the certificates that callers have to show"
    )
    serve_observing.add_arguments(parser)
    serve_quarantine.add_arguments(parser)
    parser.add_argument(
        "--register",
        default="",
        metavar="URL",
        help="control API to register with, under a lease; or consul://HOST:PORT, an agent of Consul",
    )
    parser.add_argument(
        "--advertise", default="", metavar="HOST", help="host that callers are told, where it is not --host"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    if not all(find_spec(name) for name in ("uvloop", "httptools")):
        raise UnavailableError("the model server is not installed", hint="pip install 'modelway[serve]'")
    from modelway.serving.target import open_target  # noqa: PLC0415 - needs the extra, see above

    serve_secrets.take_secrets(os.environ)
    with open_target(arguments.target) as target:
        return asyncio.run(_serve(make_settings(arguments, target, os.environ)))


def make_settings(arguments: argparse.Namespace, target: "Target", environment: Mapping[str, str]) -> "ServeSettings":
    """Flags first, then the environment that a process operator sets.

    Raises:
        InvalidRequestError: A value cannot be used; the message names flag or variable.
    """
    from modelway.serving.settings import ServeSettings  # noqa: PLC0415 - needs the extra

    identity = _identity(arguments.name, environment)
    grpc_port = _chosen_grpc_port(arguments.grpc_port, arguments.port)
    log = serve_observing.inference_log(arguments, environment)
    log, sending = serve_observing.sending(arguments, environment, log)
    return ServeSettings(
        target=target,
        identity=identity,
        registration=_registration(arguments, identity, environment),
        host=arguments.host,
        port=arguments.port,
        grpc_port=grpc_port,
        grpc_wanted=arguments.grpc_port is not None,
        workers=arguments.workers,
        drain_seconds=arguments.drain_seconds,
        queue_size=arguments.queue_size,
        devices=arguments.device,
        threads=arguments.threads,
        model_processes=_model_processes(arguments.model_processes, environment),
        tls=_tls(arguments),
        replica=environment.get("MODELWAY_REPLICA_ID", ""),
        inference_log=log,
        sending=sending,
        quarantine=serve_quarantine.quarantine(arguments, environment),
        tracing=serve_observing.tracing(environment),
    )


async def _serve(settings: "ServeSettings") -> int:
    from modelway.serving.supervisor import Supervisor  # noqa: PLC0415 - needs the extra

    note(f"loading {settings.target.handler}")
    await Supervisor(settings, lambda ready: _announce(settings, ready)).run()
    note("stopped")
    return EXIT_OK


def _announce(settings: "ServeSettings", ready: "Ready") -> None:
    from modelway.serving.pages.announcement import announcement  # noqa: PLC0415 - needs the extra

    host = f"[{ready.host}]" if ":" in ready.host else ready.host
    url = f"{'https' if settings.tls else 'http'}://{host}:{ready.port}"
    target = settings.target
    took = f"{seconds_text(ready.seconds)}, {seconds_text(ready.load_seconds)} of it the model's own load"
    named = f"{target.name} {target.version}".strip()
    print(f"{paint('ready', 'green')}: {named} on {url} after {took}")
    for line in announcement(target, ready.signature, url):
        print(line)
    if ready.grpc_port is not None:
        print(f"  gRPC {host}:{ready.grpc_port}")
    if not target.examples:
        note("no golden examples: ready means only that the model is loaded")
    print(end="", flush=True)


def _tls(arguments: argparse.Namespace) -> "TlsFiles | None":
    """HTTPS as asked for, tried once, so that what is wrong is said before a model is loaded."""
    from modelway.http1.tls import server_context  # noqa: PLC0415 - needs the extra
    from modelway.serving.settings import TlsFiles  # noqa: PLC0415 - needs the extra

    certificate, key, client_ca = arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca
    if not certificate:
        if key or client_ca:
            raise InvalidRequestError("--tls-key and --tls-client-ca need --tls-cert")
        return None
    server_context(Path(certificate), Path(key or certificate), Path(client_ca) if client_ca else None)
    paths = [str(Path(path).absolute()) if path else "" for path in (certificate, key or certificate, client_ca)]
    return TlsFiles(certificate=paths[0], key=paths[1], client_ca=paths[2])


def _identity(name: str, environment: Mapping[str, str]) -> "Identity":
    from modelway.serving.settings import Identity  # noqa: PLC0415 - needs the extra

    parts = (
        name.split("/")
        if name
        else [environment.get(f"MODELWAY_{part}", "") for part in ("PROJECT", "MODEL", "VERSION")]
    )
    if len(parts) != 3 or (name and not all(parts)):
        raise InvalidRequestError(f"--name {name}: expected PROJECT/MODEL/VERSION")
    return Identity(project=parts[0], model=parts[1], version=parts[2], package=environment.get("MODELWAY_PACKAGE", ""))


def _registration(
    arguments: argparse.Namespace, identity: "Identity", environment: Mapping[str, str]
) -> "RegistrationSettings | None":
    from modelway.serving.registering.registrar import check_address  # noqa: PLC0415 - needs the extra
    from modelway.serving.settings import RegistrationSettings  # noqa: PLC0415 - needs the extra

    url = arguments.register or environment.get("MODELWAY_REGISTER_URL", "")
    if not url:
        return None
    check_address(url)
    if not identity.project:
        raise InvalidRequestError("who registers is not known", hint="add --name PROJECT/MODEL/VERSION")
    return RegistrationSettings(
        url=url,
        token=environment.get("MODELWAY_REGISTER_TOKEN", ""),
        replica_id=environment.get("MODELWAY_REPLICA_ID", "") or f"{identity.model}-{os.urandom(6).hex()}",
        advertise=arguments.advertise or environment.get("MODELWAY_ADVERTISE_HOST", ""),
    )


def _model_processes(asked: int | None, environment: Mapping[str, str]) -> int:
    if asked is not None:
        return asked
    text = environment.get("MODELWAY_MODEL_PROCESSES", "") or "0"
    try:
        return _count(text)
    except argparse.ArgumentTypeError as error:
        raise InvalidRequestError(f"MODELWAY_MODEL_PROCESSES: {error}") from None


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: 0 to 65535")
    return int(text)


def _grpc_port(text: str) -> int:
    return _OFF if text == "off" else _port(text)


def _chosen_grpc_port(asked: int | None, port: int) -> int | None:
    """What was asked for; else, where gRPC is installed, the usual port beside the usual one of HTTP, or any free one."""
    installed = all(find_spec(name) for name in ("google", "hpack")) and find_spec("google.protobuf") is not None
    if asked is None:
        return (_USUAL_GRPC_PORT if port == _USUAL_PORT else 0) if installed else None
    if asked == _OFF:
        return None
    if not installed:
        raise UnavailableError("gRPC is not installed", hint="pip install 'modelway[grpc]', or leave --grpc-port away")
    return asked


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_PROCESSES:
        raise argparse.ArgumentTypeError(f"{text} is no number of processes: 0 to {_MOST_PROCESSES}")
    return int(text)


def _devices(text: str) -> tuple[str, ...]:
    devices = tuple(text.split(","))
    for each in devices:
        if not _DEVICE.fullmatch(each):
            raise argparse.ArgumentTypeError(f"'{each}' is no device: cpu, cuda, cuda:1, mps")
    return devices


def _seconds(text: str) -> float:
    with suppress(ValueError):
        number = float(text)
        if 0 <= number <= 3600:
            return number
    raise argparse.ArgumentTypeError(f"{text} is no time: 0 to 3600 seconds")


COMMAND = Command(
    name="serve",
    help="answer requests from a handler, a project or a package",
    example="modelway serve .\nmodelway serve digits-1.0.0.mwpkg --workers 2",
    add_arguments=add_arguments,
    run=run,
)
