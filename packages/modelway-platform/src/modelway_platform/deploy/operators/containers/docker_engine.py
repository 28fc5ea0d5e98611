"""What we ask of a Docker Engine, or of Podman's service, over its Unix socket: docker-py does the talking.

Everything blocks; callers use threads. Errors come out as the platform's own, with what the engine said.
"""

import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError, UnavailableError
from modelway_platform.deploy.operators.containers.container_secrets import FOLDER, secrets_archive
from modelway_platform.deploy.operators.containers.container_volumes import owner_archive, owner_host

_TIMEOUT = 60
_LONGEST_LOG = 1000
# One that Podman is stopping has no exit status yet; one that somebody paused has not ended.
_RUNNING = frozenset({"running", "paused", "restarting", "stopping"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container as the engine shows it in a list."""

    id: str
    running: bool
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a container ended."""

    status: int
    at: float
    out_of_memory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """All that makes a container.

    Args:
        name: Unique within the engine.
        image: What to run, present already.
        arguments: Behind the image's own entry point.
        environment: Variables beside the image's own.
        labels: What it is found again by.
        user: Whom it runs as, whatever the image says.
        host: The engine's `HostConfig`; with a mount for what is hidden, if anything is.
        hidden: Variables that the engine is not to show.
    """

    name: str
    image: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    user: str
    host: Mapping[str, Any] = field(default_factory=dict[str, Any])
    hidden: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class DockerEngine:
    """One engine.

    Args:
        socket: The path of its socket.
    """

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self._lock = threading.Lock()
        self._client: Any = None
        self._events: set[Any] = set()

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """All containers with these labels, running or not."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        with self._asked() as client:
            found = client.containers(all=True, filters={"label": wanted})
        return [
            Container(id=each["Id"], running=each["State"] in _RUNNING, labels=each.get("Labels") or {})
            for each in found
        ]

    def has_image(self, name: str) -> bool:
        with self._asked() as client:
            try:
                client.inspect_image(name)
            except Exception as error:
                if _status(error) == 404:
                    return False
                raise
        return True

    def pull(self, name: str, credentials: Mapping[str, str] | None) -> None:
        """Fetches an image `HOST/NAME@DIGEST` or `HOST/NAME:TAG`."""
        with self._asked() as client:
            repository, at, digest = name.partition("@")
            tag = digest if at else None
            for line in client.pull(repository, tag=tag, stream=True, decode=True, auth_config=credentials):
                if "error" in line:
                    raise ModelwayError(f"the engine cannot pull {name}: {line['error']}", code="unavailable")

    def load(self, archive: BinaryIO) -> None:
        """Takes an image from an archive as `docker save` writes it."""
        with self._asked() as client:
            for line in client.load_image(archive) or ():
                if "error" in line:
                    raise ModelwayError(f"the engine cannot load the image: {line['error']}", code="unavailable")

    def build(
        self, context: BinaryIO, tag: str, *, network: bool, memory: int, seconds: float
    ) -> Iterator[Mapping[str, Any]]:
        """Follows the `Dockerfile` in the tar archive `context`; yields what the engine says of it.

        Silence of `seconds` ends it; leaving the iteration does so at once, because the engine follows only while somebody listens.
        """
        limits = {"memory": memory, "memswap": memory}
        switches = {"rm": True, "forcerm": True, "nocache": True, "pull": False}
        with self._asked(timeout=seconds) as client:
            try:
                network_words: Mapping[str, str] = {} if network else _no_network(client)
                with client.post(
                    f"{client.base_url}/v{client.api_version}/build",
                    params={"t": tag, **switches, **limits, **network_words},
                    data=context,
                    headers={"Content-Type": "application/x-tar"},
                    stream=True,
                    timeout=seconds,
                ) as answer:
                    answer.raise_for_status()
                    for line in answer.iter_lines(chunk_size=None):
                        if line.strip():
                            yield cast("Mapping[str, Any]", json.loads(line))
            finally:
                client.close()

    def save(self, name: str) -> Iterator[bytes]:
        """An image as `docker save` writes it."""
        with self._asked() as client:
            yield from client.get_image(name)

    def run(self, request: RunRequest) -> str:
        """Makes and starts a container; returns its id. One of the same name that has ended makes room."""
        with self._asked() as client:
            if request.host.get("DeviceRequests") and _is_podman(client):
                raise InvalidRequestError(
                    "Podman's service gives containers no GPUs: it passes over the wish",
                    hint="use a Docker Engine with NVIDIA's toolkit for deployments with `gpus`",
                )
            with suppress(NotFoundError):
                self._remove(client, request.name)
            made = client.create_container(
                request.image,
                command=list(request.arguments),
                name=request.name,
                user=request.user,
                environment=dict(request.environment),
                labels=dict(request.labels),
                host_config=dict(request.host),
            )
            container: str = made["Id"]
            try:
                if request.hidden:
                    client.put_archive(container, FOLDER, secrets_archive(request.hidden))
                client.start(container)
            except Exception:
                self._remove(client, container)  # it never ran: nothing of it shall stay
                raise
            return container

    def keep_volume(self, name: str, image: str, labels: Mapping[str, str]) -> None:
        """Has a volume there that our user may write; what is in it stays as it is.

        A new one belongs to root, and nobody in a container of ours could change that: so it is given its owner from outside,
        by way of a container that is never started.
        """
        with self._asked() as client:
            client.create_volume(name=name, labels=dict(labels))  # one that is there is taken as it is
            if _is_podman(client):
                return  # which gives it to the user of the first container that has it
            made = client.create_container(image, host_config=owner_host(name))
            try:
                client.put_archive(made["Id"], "/", owner_archive())
            finally:
                self._remove(client, made["Id"])

    def drop_left_volumes(self, label: str, value: str) -> None:
        """Removes volumes with this label that no container has."""
        wanted = {"label": [f"{label}={value}"], "dangling": True}
        with self._asked() as client:
            found: list[Mapping[str, Any]] = client.volumes(filters=wanted)["Volumes"] or []
            for each in found:
                labels: Mapping[str, str] = each.get("Labels") or {}
                if labels.get(label) != value:
                    continue  # Podman takes several filters for a choice
                try:
                    client.remove_volume(each["Name"])
                except Exception as error:
                    if _status(error) not in {404, 409}:  # gone, or in use by now
                        raise

    def address(self, container: str, network: str) -> str:
        """Its address in a network; empty where it has none, as one that ended."""
        with self._asked() as client:
            networks: Mapping[str, Any] = client.inspect_container(container)["NetworkSettings"]["Networks"]
        joined: Mapping[str, Any] | None = networks.get(network)
        return str(joined.get("IPAddress", "")) if joined else ""

    def ending(self, container: str) -> Ending:
        """How it ended."""
        with self._asked() as client:
            state = client.inspect_container(container)["State"]
        return Ending(
            status=state["ExitCode"], at=_moment(state["FinishedAt"]), out_of_memory=bool(state.get("OOMKilled"))
        )

    def log(self, container: str) -> bytes:
        """The last lines it wrote."""
        with self._asked() as client:
            return cast("bytes", client.logs(container, tail=_LONGEST_LOG))

    def stop(self, container: str, seconds: float) -> None:
        """Asks it to end, and ends it by force after so many seconds; returns when it has ended."""
        with self._asked(timeout=seconds + _TIMEOUT) as client, suppress(NotFoundError):
            client.stop(container, timeout=int(seconds + 0.999))

    def remove(self, container: str) -> None:
        """Removes it, running or not; nothing happens if there is none."""
        with self._asked() as client, suppress(NotFoundError):
            self._remove(client, container)

    def images(self, label: str) -> list[tuple[str, float, tuple[str, ...]]]:
        """Images with a label: id, when made known here, names; newest first."""
        with self._asked() as client:
            found = client.images(filters={"label": label})
        named = [(each["Id"], float(each["Created"]), tuple(each.get("RepoTags") or ())) for each in found]
        return sorted(named, key=lambda each: -each[1])

    def remove_image(self, image: str) -> bool:
        """Removes an image nobody uses; whether it did."""
        with self._asked() as client:
            try:
                client.remove_image(image, force=False)
            except Exception as error:
                if _status(error) in {404, 409}:
                    return False
                raise
        return True

    def follow_ends(self, labels: Mapping[str, str], tell: Callable[[], None]) -> None:
        """Calls `tell` whenever a container with these labels has ended, until the connection ends."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        with self._asked() as client:
            events = client.events(filters={"label": wanted, "event": ["die", "destroy"]}, decode=True)
            self._events.add(events)
            try:
                for _ in cast("Iterator[Any]", events):
                    tell()
            finally:
                self._events.discard(events)

    def close(self) -> None:
        """Ends all connections; containers go on."""
        for events in list(self._events):
            with suppress(Exception):
                events.close()
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    @contextmanager
    def _asked(self, timeout: float = 0.0) -> Generator[Any]:
        """The client, with its errors translated."""
        try:
            yield self._connected(timeout)
        except ModelwayError:
            raise
        except Exception as error:
            raise _translated(error, self.socket) from error

    def _connected(self, timeout: float) -> Any:
        import docker  # noqa: PLC0415 - an extra, and 0.2 s to import

        made: Any = docker.APIClient  # it carries no types
        if timeout:
            return made(base_url=f"unix://{self.socket}", version="auto", timeout=timeout)
        with self._lock:
            if self._client is None:
                if not Path(self.socket).exists():
                    raise UnavailableError(
                        f"there is no socket {self.socket}", hint="start the engine, or mend `socket`"
                    )
                self._client = made(base_url=f"unix://{self.socket}", version="auto", timeout=_TIMEOUT)
            return self._client

    @staticmethod
    def _remove(client: Any, container: str) -> None:
        try:
            client.remove_container(container, v=True, force=True)
        except Exception as error:
            if _status(error) == 404:
                raise NotFoundError(f"no container {container}") from error
            if _status(error) != 409:  # its removal is under way already
                raise


def _is_podman(client: Any) -> bool:
    components: list[Mapping[str, Any]] = client.version().get("Components") or []
    return any("podman" in str(each.get("Name", "")).lower() for each in components)


def _no_network(client: Any) -> Mapping[str, str]:
    """How an engine is told to keep a build off the network: Podman has words of its own, which docker-py does not send."""
    if _is_podman(client):
        return {"networkmode": "NetworkDisabled", "nsoptions": '[{"Name": "network"}]'}
    return {"networkmode": "none"}


def _status(error: Exception) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _translated(error: Exception, socket: str) -> ModelwayError:
    if isinstance(error, ImportError):
        return ModelwayError("clusters of containers need docker-py", hint="install modelway-platform[docker]")
    status = _status(error)
    said = str(getattr(error, "explanation", "") or error)[:500]
    if status == 404:
        return NotFoundError(f"the engine says: {said}")
    if status:
        return ModelwayError(f"the engine says: {said}", code="unavailable")
    return UnavailableError(f"the engine at {socket} does not answer: {said}", hint="is it running?")


def _moment(text: str) -> float:
    """RFC 3339 with nanoseconds, which `fromisoformat` reads only in part."""
    head, _, _ = text.partition(".")
    try:
        return datetime.fromisoformat(f"{head.removesuffix('Z')}+00:00").timestamp()
    except ValueError:
        return 0.0
