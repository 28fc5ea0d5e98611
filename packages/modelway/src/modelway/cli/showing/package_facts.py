"""What the platform knows of a deployed package: its endpoints, and a request that it answers."""

from typing import Any, cast

from modelway.cli.showing.object_tables import NOTHING, Object, member, members, text
from modelway.client import ControlClient
from modelway.errors import ModelwayError, NotFoundError
from modelway.signature import Signature


def endpoints_of(client: ControlClient, digest: str) -> list[str]:
    """Names of the package's endpoints; none when the package is unknown."""
    names = _package(client, digest).get("endpoints")
    return [str(name) for name in cast("list[Any]", names)] if isinstance(names, list) else []


def example_request(client: ControlClient, digest: str, endpoint: str) -> Any:
    """The request of the package's first golden example for the endpoint; None when there is none."""
    package = _package(client, digest)
    examples = members(package, "examples") or members(member(package, "manifest"), "examples")
    return next((one.get("request") for one in examples if text(one, "endpoint") == endpoint), None)


def signature_of(client: ControlClient, digest: str) -> Signature | None:
    """What the package's manifest declares; None when the package is unknown or cannot be read."""
    package = _package(client, digest)
    try:
        return Signature.from_json(member(package, "signature"))
    except ModelwayError:
        return None


def package_of(client: ControlClient, target: str) -> str:
    """Digest of what answers for `project/model[/version]`: of the version, or of the model's first one that is ready.

    Raises:
        NotFoundError: Nothing of that name is deployed.
    """
    items = [one for one in client.list_all("deployments") if f"{_name(one)}/".startswith(f"{target}/")]
    ready = [one for one in items if text(member(one, "status"), "phase") == "Ready"]
    if not items:
        raise NotFoundError(f"nothing is deployed as {target}", hint="modelway get deployments")
    return text(member((ready or items)[0], "spec"), "package")


def _package(client: ControlClient, digest: str) -> Object:
    try:
        return client.package(digest)
    except ModelwayError:  # what is only nice to know stops nobody
        return NOTHING


def _name(item: Object) -> str:
    return "/".join(text(member(item, "metadata"), part) for part in ("project", "model", "version"))
