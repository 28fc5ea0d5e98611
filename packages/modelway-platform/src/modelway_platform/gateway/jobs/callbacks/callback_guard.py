"""Which addresses a callback may reach: decided twice, by the URL when a job is accepted, by the address when it is called.

A callback's URL comes from a caller, its connection from us: without this, callers could reach what only we can (server-side
request forgery). Resolved once; what is checked is what is connected to; redirects are answers, never followed.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_URL_BYTES = 2048
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE
)
# Written out, as what `ipaddress` calls global has changed between Python's releases; IANA's special-purpose registries.
_NEVER: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0:0/96",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRules:
    """`allowed`: networks that may be called though they are private, and over plain http; none unless configured."""

    allowed: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A callback's URL in its parts; `path` with query, `host` in ASCII without brackets."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """The parts of a URL that is plain to every reader.

    Raises:
        ValueError: It is not; the message says why.
    """
    if len(url) > MAX_URL_BYTES:
        raise ValueError(f"longer than {MAX_URL_BYTES} characters")
    if _URL.fullmatch(url) is None:
        raise ValueError("not an http or https URL in plain ASCII")
    if "\\" in url or "#" in url:
        raise ValueError("backslashes and fragments have no place in it")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("it names a user")
    if "%" in parts.netloc:
        raise ValueError("its host is percent-encoded or has a zone")
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        raise ValueError("its port is not one") from None
    if port == 0 or (port is None and parts.netloc.endswith(":")):
        raise ValueError("its port is not one")
    if _literal(host) is None and _HOST_NAME.fullmatch(host.removesuffix(".")) is None:
        # Such as 2130706433, 0x7f.1 or 0177.0.0.1, which some resolvers take for an address.
        raise ValueError("its host is neither a name nor an address as everybody writes it")
    secure = parts.scheme.lower() == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure=secure, host=host, port=port or (443 if secure else 80), path=path)


def address_problem(url: str, rules: CallbackRules) -> str:
    """What is wrong with a callback's URL, as far as the URL itself tells; empty if nothing is."""
    try:
        target = target_of(url)
    except ValueError as error:
        return f"the URL cannot be used: {error}"
    literal = _literal(target.host)
    if literal is not None:
        return connect_problem(target, literal, rules)
    if _is_local_name(target.host) and not rules.allowed:
        return "the URL's host is a name of this machine or network"
    if not target.secure and not rules.allowed:
        return "the URL is not https"
    return ""


def connect_problem(target: Target, address: Address, rules: CallbackRules) -> str:
    """Why `address`, which is what will be connected to, may not be; empty if it may."""
    if any(address in network for network in rules.allowed if network.version == address.version):
        return ""
    if not is_public(address):
        return "the URL leads to an address that is not public"
    return "" if target.secure else "the URL is not https"


def is_public(address: Address) -> bool:
    """Whether it is an address of the Internet that stands for itself, or for one that is public."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def _embedded(address: Address) -> Address | None:
    """The IPv4 address that an IPv6 one is a way of writing, or leads to (RFC 4291, 3056, 4380, 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_local_name(host: str) -> bool:
    name = host.lower().removesuffix(".")
    return "." not in name or name.endswith((".localhost", ".local", ".internal", ".localdomain", ".home.arpa"))
