"""Header names that concern two neighbours only (RFC 9110, section 7.6.1)."""

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_HARMLESS = frozenset({b"keep-alive", b"close", b"", b"content-length", b"host"})


def connection_options(value: bytes) -> frozenset[bytes]:
    """Header names listed in a `Connection` value; framing and Host cannot be listed away."""
    return frozenset(each.strip().lower() for each in value.split(b",")) - _HARMLESS
