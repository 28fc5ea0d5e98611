"""Which route providers are followed, by configuration: `consul://AGENT:8500`, `kubernetes://NAMESPACE`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelway.errors import InvalidRequestError
from modelway.serving.registering.consul_address import CONSUL_SCHEMES, consul_address

# Clients of Consul and Kubernetes are slow to import, and most platforms follow neither: they are imported where they are.
if TYPE_CHECKING:
    from modelway_platform.discovery.embedded import Leases
    from modelway_platform.discovery.follower import Follower
    from modelway_platform.discovery.kubernetes_address import Followed

VARIABLE = "MODELWAY_DISCOVERY"
TOKEN_VARIABLE = "MODELWAY_CONSUL_TOKEN"  # noqa: S105 - the variable's name
REGISTER_TOKEN_VARIABLE = "MODELWAY_CONSUL_REGISTER_TOKEN"  # noqa: S105 - the same
CA_VARIABLE = "MODELWAY_CONSUL_CA_FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """What is followed beside the embedded provider.

    Args:
        consul: Address of an agent, in the form replicas take, too; empty for none.
        consul_token: An ACL token that may read the service.
        register_token: One that may write it: what replicas started here are given.
        consul_ca_file: What to trust over HTTPS.
        kubernetes: The namespace whose EndpointSlices are followed; None for none.
    """

    consul: str = ""
    consul_token: str = field(default="", repr=False)
    register_token: str = field(default="", repr=False)
    consul_ca_file: str = ""
    kubernetes: "Followed | None" = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.consul) or self.kubernetes is not None


def read_providers(environment: Mapping[str, str]) -> ProviderSettings:
    """The settings in the environment.

    Raises:
        InvalidRequestError: An address is none; the message names the variable.
    """
    consul, kubernetes = "", None
    for address in environment.get(VARIABLE, "").replace(",", " ").split():
        from modelway_platform.discovery.kubernetes_address import SCHEME, read_address  # noqa: PLC0415

        scheme = urlsplit(address).scheme
        if scheme in CONSUL_SCHEMES and not consul:
            consul_address(address)
            consul = address
        elif scheme == SCHEME and kubernetes is None:
            kubernetes = read_address(address, environment)
        elif address != "embedded":
            hint = "addresses like consul://127.0.0.1:8500 or kubernetes://NAMESPACE, one of a kind; `embedded` is always there."
            raise InvalidRequestError(f"{VARIABLE}: {address}: not a route provider", hint=hint)
    return ProviderSettings(
        consul=consul,
        consul_token=environment.get(TOKEN_VARIABLE, ""),
        register_token=environment.get(REGISTER_TOKEN_VARIABLE, ""),
        consul_ca_file=environment.get(CA_VARIABLE, ""),
        kubernetes=kubernetes,
    )


def make_followers(settings: ProviderSettings, leases: "Leases") -> "tuple[Follower, ...]":
    """A follower for each provider outside."""
    followers: list[Follower] = []
    if settings.consul:
        from modelway_platform.discovery.consul import ConsulFollower  # noqa: PLC0415

        url, service = consul_address(settings.consul)
        followers.append(
            ConsulFollower(url, service, leases, token=settings.consul_token, ca_file=settings.consul_ca_file)
        )
    if settings.kubernetes is not None:
        from modelway_platform.discovery.kubernetes import KubernetesFollower  # noqa: PLC0415

        followers.append(KubernetesFollower(settings.kubernetes, leases))
    return tuple(followers)
