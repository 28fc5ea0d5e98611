"""Bodies that came compressed, within the limit that holds for those that did not; and answers to who wants them so."""

import zlib

from modelway.errors import InvalidRequestError

_WINDOWS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


def decompressed(body: bytes, encoding: bytes | None, limit: int) -> bytes:
    """The body as it was before `Content-Encoding`.

    Raises:
        InvalidRequestError: It is damaged, too large, or compressed in a way that is not known.
    """
    name = (encoding or b"identity").strip().lower()
    if name == b"identity":
        return body
    if name not in _WINDOWS:
        raise InvalidRequestError(
            f"content-encoding '{name.decode('latin-1')[:40]}' is not known", hint="use gzip, deflate or none"
        )
    stream = zlib.decompressobj(_WINDOWS[name])
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error:
        raise InvalidRequestError(f"the body is no {name.decode()}") from None
    if len(plain) > limit:
        raise InvalidRequestError(f"the body is over {limit} bytes once decompressed", code="payload_too_large")
    if not stream.eof or stream.unused_data:
        raise InvalidRequestError(f"the body is no whole {name.decode()}")
    return plain


SMALLEST = 512


def wanted_coding(accept: bytes | None) -> bytes:
    """The coding that `Accept-Encoding` (RFC 9110, section 12.5.3) asks for; empty for none.

    Only one that is named alone: HTTP libraries offer all they can with each request, and nobody meant them to.
    """
    if accept is None:
        return b""
    name, _, weight = accept.strip().lower().partition(b";")
    return name.strip() if name.strip() in _WINDOWS and weight.strip() in {b"", b"q=1", b"q=1.0"} else b""


def compressed(body: bytes, coding: bytes) -> bytes:
    """The body in one of the codings above, as fast as that can be done."""
    stream = zlib.compressobj(1, zlib.DEFLATED, _WINDOWS[coding])
    return stream.compress(body) + stream.flush()
