"""The Cluster document as a value: where replicas can run, and what its operator has to know to put them there."""

from dataclasses import dataclass, field
from typing import Literal

from modelway_platform.domain.deployments.host_directories import AllowedDirectory
from modelway_platform.domain.deployments.image_builder import NO_BUILDER, BuilderSettings
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.deployments.slurm_cluster import SlurmSettings

OperatorKind = Literal["process", "docker", "kubernetes", "slurm"]
OPERATORS: tuple[OperatorKind, ...] = ("process", "docker", "kubernetes", "slurm")
LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSettings:
    """How containers are run.

    Args:
        socket: The Unix socket of a Docker Engine, or of Podman's service, on the platform's machine.
        base: What images are built on: a name in a registry, `oci:DIR[:TAG]`, or a root file system (`modelway image base`).
        bases: Instead of one: where those of all definitions are, `oci:DIR` or `REGISTRY/NAME`; each package gets what fits it.
        registry: Where images are pushed and pulled from, `HOST[:PORT][/PREFIX]`; empty: they are loaded into the engine.
        plain_http: Whether that registry speaks HTTP without TLS.
        network: The engine's network that containers are put into; the gateway must reach addresses in it.
    """

    socket: str = "/var/run/docker.sock"
    base: str = ""
    bases: str = ""
    registry: str = ""
    plain_http: bool = False
    network: str = "bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One place for replicas; `local`, the platform's own machine, is always there and needs no document.

    `control` is the control API as replicas there reach it, which send it their inference records.
    `directories` of its machines may be given to deployments, and no others.
    """

    name: str
    operator: OperatorKind = "process"
    docker: DockerSettings = field(default_factory=DockerSettings)
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    slurm: SlurmSettings = field(default_factory=SlurmSettings)
    builder: BuilderSettings = NO_BUILDER
    control: str = ""
    directories: tuple[AllowedDirectory, ...] = ()

    @property
    def key(self) -> str:
        """What the document is called."""
        return self.name
