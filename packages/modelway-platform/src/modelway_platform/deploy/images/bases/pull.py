"""Fetches a base image from a registry into the cache."""

from modelway.packaging import Progress
from modelway_platform.deploy.images.bases.base_image import BaseImage, describe_base
from modelway_platform.deploy.images.content.descriptor import INDEX, ImageError, parse_object
from modelway_platform.deploy.images.content.layout import choose, parse_manifest
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.registries.reference import RegistryName
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp


def base_from_registry(
    name: RegistryName, http: RegistryHttp, cache: LayerCache, architecture: str, progress: Progress
) -> BaseImage:
    """The image `name` for one architecture; what the cache has is not fetched again.

    Raises:
        ModelwayError: It cannot be had, or is not what its digests say.
    """
    progress("asking for the base image")
    repository = Repository(http=http, name=name.repository)
    blob, data = repository.manifest(name.reference)
    document = parse_object(data, str(name))
    if blob.media_type == INDEX:
        chosen = choose(document, architecture, str(name))
        blob, data = repository.manifest(chosen.digest)
        document = parse_object(data, str(name))
        if blob.size != chosen.size:
            raise ImageError(f"{name}: the manifest's size is not what the index says")
    image = parse_manifest(blob, document)
    for each in (image.config, *image.layers):
        if not cache.blobs.has(each):
            step = f"fetching {each.digest[7:19]}"
            repository.fetch(
                each, cache.blobs, lambda done, step=step, size=each.size: progress(step, done=done, total=size)
            )
    return describe_base(str(name), image, cache.blobs, architecture)
