"""Answers a registry's demand to say who is asking: basic, or a token from the service it names."""

import re
from dataclasses import dataclass
from typing import Literal

from modelway.errors import UnauthenticatedError
from modelway_platform.deploy.images.registries.credentials import HOW_TO

_PARAMETER = re.compile(r'([A-Za-z]+)="([^"\\]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What the registry asks for; `realm` is the token service's URL."""

    scheme: Literal["basic", "bearer"]
    realm: str = ""
    service: str = ""


def parse_challenge(header: str, host: str) -> Challenge:
    """The challenge of a `WWW-Authenticate` header.

    Raises:
        UnauthenticatedError: It asks for something we cannot do.
    """
    scheme, _, rest = header.strip().partition(" ")
    found: dict[str, str] = {name.lower(): value for name, value in _PARAMETER.findall(rest)}
    if scheme.lower() == "bearer" and found.get("realm"):
        return Challenge(scheme="bearer", realm=found["realm"], service=found.get("service", ""))
    if scheme.lower() == "basic":
        return Challenge(scheme="basic")
    raise UnauthenticatedError(
        f"{host} wants to know who asks in a way that is not known: {scheme[:40]!r}", hint=HOW_TO
    )
