"""By which address, and with what, replicas of a declared cluster send their inference records."""

import ipaddress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.domain.access.records_token import records_token
from modelway_platform.domain.deployments.cluster import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsWays:
    """The ways to one control process.

    Args:
        control_url: Its own address, which others may not reach.
        secret: What tokens for records are made of.
    """

    control_url: str
    secret: str = field(repr=False)

    def of(self, cluster: Cluster) -> RecordsWay | None:
        """That of a cluster; None where replicas write into a folder that the platform reads, or nobody could be reached.

        Containers of an engine write beside the platform unless their document has an address, pods reach control where it
        is listening for other machines, and jobs where they register with it.
        """
        url = cluster.control
        if not url and cluster.operator == "kubernetes" and is_reachable_elsewhere(self.control_url):
            url = self.control_url
        if not url and cluster.operator == "slurm":
            url = cluster.slurm.register or self.control_url
            url = url if url.startswith(("http://", "https://")) else ""
        return RecordsWay(url=url, token_of=partial(records_token, self.secret)) if url else None


def is_reachable_elsewhere(url: str) -> bool:
    """Whether an address is not only this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(host) and host != "localhost"
    return not (address.is_loopback or address.is_unspecified)
