"""The cookie by which a caller is known again: a random number, opaque, from which the version follows by hashing.

It holds no version, so there is nothing to sign: whoever makes one up draws a lot as by deleting it.
"""

import re
import secrets
from typing import TYPE_CHECKING

from modelway_platform.domain.routing.assignment.assignment import StickyKey

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange

_VALUE = re.compile(rb"[A-Za-z0-9_-]{22}")


def new_value() -> bytes:
    """128 random bits."""
    return secrets.token_urlsafe(16).encode()


def given_value(cookies: bytes | None, name: bytes) -> bytes | None:
    """What a request's `Cookie` says under `name`; None for what is none of ours (RFC 6265, section 5.4)."""
    if cookies is None:
        return None
    for pair in cookies.split(b";"):
        key, _, value = pair.strip(b" \t").partition(b"=")
        if key == name and _VALUE.fullmatch(value):
            return value
    return None


def setting_line(exchange: "Exchange", name: bytes, value: bytes, key: StickyKey) -> bytes:
    """The header line that has a caller's browser keep it: for this model's addresses, out of reach of scripts and other sites."""
    model = exchange.admission.model
    path = b""
    if model is not None:
        below = b"/%b/" % model.name.encode()
        # Elsewhere, as at a URL that the Route publishes, the default is the address's own folder (RFC 6265, section 5.1.4).
        path = b"; Path=%b" % below if exchange.request.target.startswith(below) else b""
    secure = b"; Secure" if key.secure or exchange.caller.secure else b""
    return b"set-cookie: %b=%b; Max-Age=%d%b%b; HttpOnly; SameSite=Lax\r\n" % (name, value, key.max_age, path, secure)
