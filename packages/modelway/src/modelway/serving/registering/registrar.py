"""Where a replica makes itself known, chosen by the scheme of an address."""

from typing import Protocol
from urllib.parse import urlsplit

from modelway.errors import InvalidRequestError
from modelway.serving.events import Events
from modelway.serving.registering.consul_address import CONSUL_SCHEMES, consul_address
from modelway.serving.registering.registration import Address, Registration
from modelway.serving.settings import Identity, RegistrationSettings


class Registrar(Protocol):
    """Keeps an endpoint registered while it is ready."""

    @property
    def settle_seconds(self) -> float:
        """How long callers may still come after `stop`, because they hear of it later."""
        ...

    def start(self) -> None:
        """Register and keep registered; nothing happens where it is already."""
        ...

    async def stop(self) -> None:
        """Take the endpoint out; nothing happens where it is not in."""
        ...


def make_registrar(settings: RegistrationSettings, identity: Identity, address: Address, events: Events) -> Registrar:
    """The registrar for an address: Consul's agent, or else the control API."""
    if urlsplit(settings.url).scheme in CONSUL_SCHEMES:
        from modelway.serving.registering.consul_registration import ConsulRegistration  # noqa: PLC0415 - only where it is used

        return ConsulRegistration(settings, identity, address, events)
    return Registration(settings, identity, address, events)


def check_address(url: str) -> None:
    """Refuses an address nobody could register at, before a model is loaded.

    Raises:
        InvalidRequestError: The message says what is wrong.
    """
    scheme = urlsplit(url).scheme
    if scheme in CONSUL_SCHEMES:
        consul_address(url)
    elif scheme not in {"http", "https"}:
        hint = "http://CONTROL:7070 registers with the platform, consul://AGENT:8500 with Consul."
        raise InvalidRequestError(f"--register {url}: not an address to register at", hint=hint)
