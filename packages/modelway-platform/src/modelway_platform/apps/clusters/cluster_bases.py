"""What the images of a cluster stand on, opened as its document says: one base for all, or the catalogue's that fits a package."""

from collections.abc import Callable
from pathlib import Path

from modelway.packaging import LoadedPackage, Progress
from modelway_platform.apps.images.image_parts import base_opener, home, shelf
from modelway_platform.deploy.images.bases.base_image import BaseImage, machine_architecture
from modelway_platform.deploy.images.bases.catalogue import OWN, read_catalogue
from modelway_platform.deploy.images.bases.find_base import BaseFinder
from modelway_platform.deploy.images.layers.cache import LayerCache


class OneBase:
    """The image below all others of a cluster; a root file system is read anew only when its file is another one."""

    def __init__(self, text: str, cache: LayerCache, *, plain_http: bool) -> None:
        self._text = text
        self._cache = cache
        self._plain_http = plain_http
        self._known: tuple[tuple[int, int], BaseImage] | None = None

    def __call__(self, progress: Progress) -> BaseImage:
        path = Path(self._text)
        state = (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else None
        known = self._known
        if known is not None and state == known[0] and all(self._cache.blobs.has(x.blob) for x in known[1].layers):
            return known[1]
        found = base_opener(self._cache, progress, plain_http=self._plain_http).open(self._text)
        self._known = (state, found) if state is not None else None
        return found


class CatalogueBases:
    """The base of the definition that fits a package's framework and device, as `modelway image build` chooses it."""

    def __init__(self, place: str, cache: LayerCache, *, plain_http: bool) -> None:
        self._place = place
        self._cache = cache
        self._plain_http = plain_http

    def __call__(self, progress: Progress) -> Callable[[LoadedPackage], BaseImage]:
        own = home() / OWN
        finder = BaseFinder(
            catalogue=read_catalogue(own if own.is_file() else None, machine_architecture()),
            shelf=shelf(self._place),
            opener=base_opener(self._cache, progress, plain_http=self._plain_http),
        )

        def chosen(package: LoadedPackage) -> BaseImage:
            choice = finder.choose(package)
            progress(f"base {choice.definition.name}: {choice.why}")
            return finder.fetch(choice)

        return chosen
