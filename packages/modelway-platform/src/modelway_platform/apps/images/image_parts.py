"""What the verbs of `modelway image` have in common: this machine's cache, uv, credentials and definitions."""

import argparse
import os
from pathlib import Path

import uv

from modelway.packaging import Progress
from modelway_platform.deploy.builder.uv_command import UvCommand, uv_environment
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.bases.catalogue import OWN, Catalogue, read_catalogue
from modelway_platform.deploy.images.bases.open_base import BaseOpener
from modelway_platform.deploy.images.bases.shelf import Shelf, parse_shelf
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.registries.credentials import find_credentials
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp


def home() -> Path:
    """`$MODELWAY_HOME`, `~/.modelway` unless set."""
    return Path(os.environ.get("MODELWAY_HOME") or "~/.modelway").expanduser()


def layer_cache(arguments: argparse.Namespace) -> LayerCache:
    """The cache that `--cache` names, else the one in the home."""
    return LayerCache((arguments.cache or home() / "images").absolute())


def uv_command() -> UvCommand:
    """The uv that came with the platform, with what it needs of our environment."""
    return UvCommand(path=uv.find_uv_bin(), environment=uv_environment(os.environ))


def catalogue(arguments: argparse.Namespace) -> Catalogue:
    """The shipped definitions and the person's own: `--definitions`, else `bases.toml` in the home."""
    own: Path | None = arguments.definitions
    if own is None and (home() / OWN).is_file():
        own = home() / OWN
    return read_catalogue(own, machine_architecture())


def shelf(text: str) -> Shelf:
    """Where bases are kept: `text`, else `$MODELWAY_BASES`, else a layout in the home."""
    return parse_shelf(text or os.environ.get("MODELWAY_BASES") or f"oci:{home().absolute() / 'images' / 'bases'}")


def registry_http(host: str, *, plain_http: bool) -> RegistryHttp:
    """Speaks to a registry as whoever the environment says we are there."""
    return RegistryHttp(host=host, plain_http=plain_http, credentials=find_credentials(host, os.environ, Path.home()))


def base_opener(cache: LayerCache, progress: Progress, *, plain_http: bool) -> BaseOpener:
    """Opens images to build on."""
    return BaseOpener(
        cache=cache,
        architecture=machine_architecture(),
        http=lambda host: registry_http(host, plain_http=plain_http),
        progress=progress,
    )
