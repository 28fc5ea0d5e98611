"""The configuration of an image of ours: who runs what, where it listens, how it is known to be well."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelway.packaging import Manifest
from modelway_platform.deploy.images.bases.base_image import BaseImage
from modelway_platform.deploy.images.content.descriptor import list_at, texts_at
from modelway_platform.deploy.images.layers.layer import Layer
from modelway_platform.deploy.images.layers.places import GRPC_PORT, HEALTH, HOME, HTTP_PORT, PACKAGE, PREFIX, USER

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECOND = 1_000_000_000
_NO_TIME = "1970-01-01T00:00:00Z"


def image_config(
    base: BaseImage,
    added: Sequence[tuple[str, Layer]],
    *,
    manifest: Manifest,
    package: str,
    sdk_version: str,
    architecture: str,
) -> dict[str, Any]:
    """The configuration document; it holds no time and nothing of this machine.

    Args:
        base: The image below.
        added: Our layers from the bottom up, each with what it is.
        manifest: The package's.
        package: The package's digest.
        sdk_version: Version of the SDK inside.
        architecture: `amd64` or `arm64`.
    """
    history = [*base.history, *({"created": _NO_TIME, "created_by": f"modelway: {role}"} for role, _ in added)]
    return {
        "architecture": architecture,
        "os": "linux",
        "created": _NO_TIME,
        "config": {
            "User": f"{USER}:{USER}",
            "Env": _variables(base, manifest, package),
            "Entrypoint": [
                *(f"/{PREFIX}/bin/modelway", "serve", f"/{PACKAGE}"),
                *("--host", "0.0.0.0", "--port", str(HTTP_PORT)),  # noqa: S104 - a container's own network
            ],
            "ExposedPorts": {f"{HTTP_PORT}/tcp": {}, f"{GRPC_PORT}/tcp": {}},
            "WorkingDir": f"/{HOME}",
            "StopSignal": "SIGTERM",
            "Labels": {**_base_labels(base.config), **labels(manifest, package, sdk_version, base)},
            "Healthcheck": {
                "Test": ["CMD", f"/{HEALTH}"],
                "Interval": 10 * _SECOND,
                "Timeout": 5 * _SECOND,
                "StartPeriod": 60 * _SECOND,
                "Retries": 3,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in (*base.layers, *(x for _, x in added))]},
        "history": history,
    }


def labels(manifest: Manifest, package: str, sdk_version: str, base: BaseImage) -> dict[str, str]:
    """What `docker inspect` and a registry's page show."""
    found = {
        "modelway.model": manifest.name,
        "modelway.package.digest": package,
        "modelway.python": manifest.python,
        "modelway.version": sdk_version,
        "org.opencontainers.image.base.digest": base.digest,
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.version": manifest.version,
    }
    return found | ({"org.opencontainers.image.base.name": base.name} if base.name else {})


def _variables(base: BaseImage, manifest: Manifest, package: str) -> list[str]:
    inherited: dict[str, str] = {}
    for each in list_at(base.config.get("Env") or [], "configuration of the base: Env"):
        name, _, value = str(each).partition("=")
        inherited[name] = value
    own = {
        "PATH": f"/{PREFIX}/bin:{inherited.get('PATH') or _SYSTEM_PATH}",
        "HOME": f"/{HOME}",
        "USER": "modelway",  # the base's list of users does not know this number; libraries that ask find a name
        "PYTHONUNBUFFERED": "1",
        # The image has no bytecode and nobody may write beside the code: a worker that is started again finds it here.
        "PYTHONPYCACHEPREFIX": "/tmp/modelway-bytecode",  # noqa: S108 - in a container of its own
        "MODELWAY_MODEL": manifest.name,
        "MODELWAY_VERSION": manifest.version,
        "MODELWAY_PACKAGE": package,
    }
    return [f"{name}={value}" for name, value in (inherited | own).items()]


def _base_labels(config: Mapping[str, Any]) -> dict[str, str]:
    return texts_at(config.get("Labels"), "configuration of the base: Labels")
