"""Names of images: in a registry (`registry.example:5000/team/digits:v1`) and in a layout (`oci:DIR[:TAG]`)."""

import re
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.images.content.descriptor import DIGEST

_HOST = re.compile(
    r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:)|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LAYOUT = "oci:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryName:
    """An image in a registry; `reference` is a tag or a digest."""

    host: str
    repository: str
    reference: str

    def __str__(self) -> str:
        sign = "@" if DIGEST.fullmatch(self.reference) else ":"
        return f"{self.host}/{self.repository}{sign}{self.reference}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutName:
    """An image in a folder."""

    folder: Path
    tag: str

    def __str__(self) -> str:
        return f"{_LAYOUT}{self.folder}:{self.tag}"


def is_layout(text: str) -> bool:
    """Whether `text` names a layout."""
    return text.startswith(_LAYOUT)


def parse_layout(text: str) -> LayoutName:
    """`oci:DIR[:TAG]`; the tag is `latest` unless given.

    Raises:
        InvalidRequestError: It is something else.
    """
    folder, colon, tag = text.removeprefix(_LAYOUT).rpartition(":")
    if not colon or "/" in tag:
        folder, tag = text.removeprefix(_LAYOUT), "latest"
    if not is_layout(text) or not folder or not _TAG.fullmatch(tag):
        raise InvalidRequestError(f"'{text}' is no image layout", hint="oci:DIR or oci:DIR:TAG")
    return LayoutName(folder=Path(folder), tag=tag)


def parse_registry(text: str) -> RegistryName:
    """`HOST[:PORT]/NAME[:TAG|@DIGEST]`; the tag is `latest` unless given.

    Raises:
        InvalidRequestError: It is something else; no registry is assumed.
    """
    host, _, rest = text.partition("/")
    repository, at, reference = rest.partition("@")
    if not at:
        repository, _, reference = rest.partition(":")
    reference = reference or "latest"
    fits = DIGEST.fullmatch(reference) if at else _TAG.fullmatch(reference)
    if not _HOST.fullmatch(host) or not _REPOSITORY.fullmatch(repository) or not fits:
        raise InvalidRequestError(
            f"'{text[:200]}' is no image in a registry",
            hint="HOST[:PORT]/NAME[:TAG], such as registry.example/team/digits:v1; the host is never guessed.",
        )
    return RegistryName(host=host, repository=repository, reference=reference)
