"""Who follows the Dockerfiles of packages here: made from a cluster's `builder`, or from the options of `modelway image build`."""

import argparse
import os
from collections.abc import Sequence

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.grounds.buildah import Buildah
from modelway_platform.deploy.images.grounds.dockerfile import pairs_of
from modelway_platform.deploy.images.grounds.engine_build import EngineBuild
from modelway_platform.deploy.images.grounds.ground import BuildTool, Grounds
from modelway_platform.deploy.images.grounds.system_packages import SystemPackages
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.operators.containers.docker_engine import DockerEngine
from modelway_platform.domain.deployments.image_builder import KINDS, BuilderSettings
from modelway_platform.domain.deployments.resources import memory_octets

_SECONDS = 60.0


def grounds_of(settings: BuilderSettings, cache: LayerCache, *, socket: str = "") -> Grounds:
    """What puts below packages what they ask for.

    Args:
        settings: Who follows Dockerfiles, and within which limits.
        cache: What was made before.
        socket: The engine's, where the settings name none.
    """
    return Grounds(cache=cache, system=SystemPackages(cache=cache, variables=os.environ), tool=_tool(settings, socket))


def _tool(settings: BuilderSettings, socket: str) -> BuildTool | None:
    if settings.kind == "none":
        return None
    if settings.kind == "buildah":
        return Buildah(
            architecture=machine_architecture(),
            variables=os.environ,
            network=settings.network,
            memory=settings.memory,
            limit_seconds=settings.minutes * _SECONDS,
            secret_files=settings.secrets,
        )
    return EngineBuild(
        kind=settings.kind,
        engine=DockerEngine(settings.socket or socket or settings.engine_socket),
        architecture=machine_architecture(),
        network=settings.network,
        memory=settings.memory,
        limit_seconds=settings.minutes * _SECONDS,
    )


def add_builder_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of who builds by hand."""
    parser.add_argument(
        "--builder", choices=KINDS, default="none", help="who follows the package's Dockerfile (default: none)"
    )
    parser.add_argument("--builder-socket", default="", metavar="PATH", help="the engine's socket")
    parser.add_argument("--builder-network", action="store_true", help="its steps may reach the network")
    parser.add_argument("--builder-memory", default="4Gi", metavar="SIZE", help="most memory of a step (default: 4Gi)")
    parser.add_argument("--builder-minutes", type=float, default=30.0, metavar="N", help="its time limit (default: 30)")
    parser.add_argument(
        "--builder-secret",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="what steps may mount; may be repeated",
    )


def builder_settings(arguments: argparse.Namespace) -> BuilderSettings:
    """What the options say.

    Raises:
        InvalidRequestError: They cannot be meant.
    """
    memory = memory_octets(arguments.builder_memory)
    if not memory or arguments.builder_minutes <= 0:
        raise InvalidRequestError("--builder-memory is an amount such as 2Gi, --builder-minutes is more than 0")
    return BuilderSettings(
        kind=arguments.builder,
        socket=arguments.builder_socket,
        network=arguments.builder_network,
        memory=memory,
        minutes=arguments.builder_minutes,
        secrets=_secrets(arguments.builder_secret, arguments.builder),
    )


def _secrets(given: Sequence[str], kind: str) -> dict[str, str]:
    found = pairs_of(given)
    if any(not name or not path for name, path in found.items()):
        raise InvalidRequestError("--builder-secret: write NAME=FILE")
    if found and kind != "buildah":
        raise InvalidRequestError("only buildah takes secrets", hint="--builder buildah")
    return {name: os.path.abspath(path) for name, path in found.items()}  # noqa: PTH100 - kept as a text
