"""What a repository of a registry holds under which names, and taking manifests out of it: OCI Distribution 1.1, content discovery and management."""

import re
from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urljoin

from modelway.errors import ModelwayError, NotFoundError
from modelway_platform.deploy.images.content.descriptor import ImageError, parse_object
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.domain.deployments.image_needs import KeptImage

_PAGE = 500
# A registry that never comes to an end must not keep us for ever.
_MOST_PAGES = 1000
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
DELETING = "pull,delete"
"""What a token for both has to allow."""


def tags_of(repository: Repository) -> list[str]:
    """All tags; none for a repository that is not there.

    Raises:
        ModelwayError: The registry does not say.
    """
    http, found = repository.http, list[str]()
    path = f"/v2/{repository.name}/tags/list?n={_PAGE}"
    for _ in range(_MOST_PAGES):
        reply = http.send("GET", path, scope=repository.scope)
        if reply.status == HTTPStatus.NOT_FOUND:
            return found
        if reply.status != HTTPStatus.OK:
            raise http.refused(reply, f"the tags of {repository.name}")
        told: Any = parse_object(reply.body, f"tags from {http.host}").get("tags") or []
        if not isinstance(told, list):
            raise ImageError(f"{http.host}: the tags of {repository.name} are no list")
        found += [str(each) for each in cast("list[Any]", told)]
        further = _NEXT.search(reply.headers.get("link", ""))
        if further is None:
            return found
        path = http.follow(urljoin(reply.url, further[1]), reply.url)
    raise ImageError(f"{http.host}: the tags of {repository.name} have no end")


def images_of(repository: Repository) -> Iterator[KeptImage]:
    """Each manifest that has a name, with all its names; one whose names went meanwhile is passed over."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for tag in sorted(tags_of(repository)):
        try:
            manifest, _ = repository.manifest(tag)
        except NotFoundError:
            continue
        names[manifest.digest].append(tag)
    for digest, tags in names.items():
        yield KeptImage(repository=repository.name, digest=digest, tags=tuple(tags))


def delete_image(repository: Repository, digest: str) -> None:
    """Takes a manifest out with all its names; one that is gone already is as wanted.

    Raises:
        ModelwayError: Code `registry_keeps_images` where the registry deletes nothing.
    """
    reply = repository.http.send("DELETE", f"/v2/{repository.name}/manifests/{digest}", scope=repository.scope)
    if reply.status in {HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
        return
    if reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
        raise ModelwayError(
            f"{repository.http.host} deletes no images: it was not allowed to (status 405)",
            hint="allow it in the registry: `storage: {delete: {enabled: true}}` of distribution's configuration.",
            code="registry_keeps_images",
        )
    raise repository.http.refused(reply, f"deleting {repository.name}@{digest}")
