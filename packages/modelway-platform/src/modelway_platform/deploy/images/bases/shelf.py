"""Where base images are kept: one tag per definition, in an OCI layout or in a repository of a registry."""

from dataclasses import dataclass

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.images.registries.reference import (
    LayoutName,
    RegistryName,
    is_layout,
    parse_layout,
    parse_registry,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A layout (`oci:DIR`) or a repository (`registry.example/modelway/bases`)."""

    address: str

    def image(self, name: str) -> LayoutName | RegistryName:
        """Where the base of that name is, whether or not it is."""
        if is_layout(self.address):
            return LayoutName(folder=parse_layout(self.address).folder, tag=name)
        found = parse_registry(self.address)
        return RegistryName(host=found.host, repository=found.repository, reference=name)

    def missing(self, name: str, why: str) -> NotFoundError:
        """The error for a base that is wanted (`why`) and not there."""
        option = "-o" if is_layout(self.address) else "--push"
        hint = f"make it: modelway image base {name} {option} {self.address}"
        return NotFoundError(f"base {name} ({why}) is not in {self.address}", hint=hint)


def parse_shelf(text: str) -> Shelf:
    """`oci:DIR` or `REGISTRY/NAME`, without a tag.

    Raises:
        InvalidRequestError: It is something else, or has a tag.
    """
    if is_layout(text):
        tagged = parse_layout(text).tag != "latest"
    else:
        parse_registry(text)
        tagged = ":" in text.rpartition("/")[2] or "@" in text
    if tagged:
        raise InvalidRequestError(f"'{text[:200]}' has a tag", hint="each base has its own name as its tag there.")
    return Shelf(address=text)
