"""Two ways of an image to an engine: through a registry, or loaded straight into it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from modelway import packaging
from modelway.errors import ModelwayError
from modelway.packaging import Progress
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.content.docker_archive import docker_archive
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.registries.push import push
from modelway_platform.deploy.images.registries.reference import RegistryName, parse_registry
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp


class ImageStore(Protocol):
    """What is needed of an engine; `operators.docker_engine.DockerEngine` is one."""

    def has_image(self, name: str) -> bool: ...

    def pull(self, name: str, credentials: Mapping[str, str] | None) -> None: ...

    def load(self, archive: BinaryIO) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughRegistry:
    """Pushes; the engine pulls by digest.

    Args:
        registry: `HOST[:PORT][/PREFIX]`.
        http: Speaks to the registry of that host.
        engine: Pulls; what it has pulled once needs no registry.
        credentials: Who we are to the registry of an image, as the engine wants it.
    """

    registry: str
    engine: ImageStore
    http: Callable[[str], RegistryHttp]
    credentials: Callable[[str], Mapping[str, str] | None]

    def deliver(self, layout: ImageLayout, tag: str, package: packaging.Manifest, report: Progress) -> str:
        """Pushes what the registry does not have; returns the image's name with its digest."""
        image = layout.find(tag, machine_architecture())
        name = parse_registry(f"{self.registry}/{package.name.lower()}:{tag[:32]}")
        pushed = push(layout, image, name, self.http(name.host), report)
        image_name = str(RegistryName(host=name.host, repository=name.repository, reference=pushed.digest))
        report(f"{pushed.sent_bytes} octets sent in {pushed.seconds:.1f} s; the engine fetches it")
        started = time.monotonic()
        if not self.engine.has_image(image_name):  # now, so that starting a replica takes no time for it
            self.engine.pull(image_name, self.credentials(image_name))
        fetched = time.monotonic() - started
        report(f"{pushed.sent_bytes} octets sent in {pushed.seconds:.1f} s, fetched by the engine in {fetched:.1f} s")
        return image_name

    def has(self, image: str) -> bool:
        """Whether the engine or the registry has it; one that does not answer may."""
        name = parse_registry(image)
        try:
            if self.engine.has_image(image):
                return True
            repository = Repository(http=self.http(name.host), name=name.repository)
            repository.manifest(name.reference)
        except ModelwayError as error:
            return error.error_code != "not_found"
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAlone:
    """Pushes; whichever node a replica comes to pulls by digest.

    Args:
        registry: `HOST[:PORT][/PREFIX]`.
        http: Speaks to the registry of that host.
    """

    registry: str
    http: Callable[[str], RegistryHttp]

    def deliver(self, layout: ImageLayout, tag: str, package: packaging.Manifest, report: Progress) -> str:
        """Pushes what the registry does not have; returns the image's name with its digest."""
        image = layout.find(tag, machine_architecture())
        name = parse_registry(f"{self.registry}/{package.name.lower()}:{tag[:32]}")
        pushed = push(layout, image, name, self.http(name.host), report)
        report(f"{pushed.sent_bytes} octets sent in {pushed.seconds:.1f} s")
        return str(RegistryName(host=name.host, repository=name.repository, reference=pushed.digest))

    def has(self, image: str) -> bool:
        """Whether the registry has it; one that does not answer may."""
        name = parse_registry(image)
        try:
            Repository(http=self.http(name.host), name=name.repository).manifest(name.reference)
        except ModelwayError as error:
            return error.error_code != "not_found"
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class IntoEngine:
    """Loads images into the engine itself, where there is no registry.

    Args:
        engine: The engine.
    """

    engine: ImageStore

    def deliver(self, layout: ImageLayout, tag: str, package: packaging.Manifest, report: Progress) -> str:
        """Loads it unless it is there; returns the image's name."""
        image = layout.find(tag, machine_architecture())
        name = f"modelway/{package.name.lower()}:{image.blob.digest.removeprefix('sha256:')[:32]}"
        if self.engine.has_image(name):
            report("the engine has it already")
            return name
        report("loading it into the engine")
        with docker_archive(layout, image, name, layout.folder) as archive:
            self.engine.load(archive)
        report("loaded into the engine: no registry is declared")
        return name

    def has(self, image: str) -> bool:
        """Whether the engine has it; one that does not answer may."""
        try:
            return self.engine.has_image(image)
        except ModelwayError:
            return True
