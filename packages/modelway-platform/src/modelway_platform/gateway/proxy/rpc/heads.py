"""A call's metadata as a request's head, and what of metadata goes on to the other side."""

import re
from collections.abc import Iterable, Sequence

from modelway.http1 import Request
from modelway_platform.domain.routing.payload_policy import HEADER as PAYLOADS
from modelway_platform.gateway.proxy.heads.hop_by_hop import HOP_BY_HOP
from modelway_platform.gateway.proxy.heads.identity_headers import claims_identity

MODEL = "modelway-model"
METHOD = b"GRPC"
"""The method in records and decisions: no HTTP request has it, so none is taken for a call."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9._~-]*"
_NAMED = re.compile(rf"{_NAME}/{_NAME}(?:/@?{_NAME})?")
_VALUE = re.compile(rb"[\x20-\x7e]*")
_METHOD = re.compile(r"/[A-Za-z0-9_.]+/([A-Za-z0-9_]+)")
# What HTTP/2 and gRPC say for one hop, and what only requests over HTTP can ask for.
_OURS = frozenset(
    {b"x-request-id", b"host", b"content-type", b"te", b"user-agent", b"prefer", b"content-length", b"expect"}
)
_NOT_BACK = frozenset({"x-request-id", "modelway-version", "content-type", "user-agent"})
Pair = tuple[str, str | bytes]


def pairs_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[Pair, ...]:
    """Metadata as the client's half takes them: text, and binary values as they are.

    Raises:
        ValueError: A value is no visible ASCII, which gRPC allows only as binary metadata.
    """
    pairs: list[Pair] = []
    for name, value in headers:
        text = name.decode("ascii")
        if text.endswith("-bin"):
            pairs.append((text, value))
        elif _VALUE.fullmatch(value) is None:
            raise ValueError(f"the metadata {text[:80]} is not visible ASCII: send it as {text[:80]}-bin")
        else:
            pairs.append((text, value.decode("ascii")))
    return tuple(pairs)


def request_of(method: str, metadata: Iterable[Pair]) -> Request:
    """The head by which a call is decided on: its path is the model's and, as the endpoint, the method's name.

    Raises:
        ValueError: It does not say which model it is for, or in no way we know; the message says how.
    """
    headers: list[tuple[bytes, bytes]] = []
    named = ""
    for name, value in metadata:
        if name == MODEL:
            named = value if isinstance(value, str) else ""
        headers.append((name.encode(), value.encode() if isinstance(value, str) else value))
    if not named:
        raise ValueError(f"the call does not say which model it is for: send the metadata {MODEL}: PROJECT/MODEL")
    if _NAMED.fullmatch(named) is None:
        raise ValueError(f"the metadata {MODEL} is PROJECT/MODEL or PROJECT/MODEL/VERSION")
    found = _METHOD.fullmatch(method)
    if found is None:
        raise ValueError("the method is not /package.Service/Method")
    headers = [(name, value) for name, value in headers if name not in _OURS or name == b"x-request-id"]
    return Request(
        METHOD,
        f"/{named}/{found[1]}".encode(),
        headers,
        dict(headers),
        content_length=0,
        minor=1,
        keep_alive=True,
        expects_continue=False,
    )


def forwarded(metadata: Iterable[Pair], request_id: bytes, consumer: bytes, payloads: str = "") -> list[Pair]:
    """The metadata a replica gets: who calls, and which payloads its route wants written, is told by us alone."""
    kept: list[Pair] = []
    for name, value in metadata:
        plain = name.encode().replace(b"_", b"-")
        if not (plain in _OURS or plain in HOP_BY_HOP or plain.startswith(b"grpc-") or claims_identity(plain)):
            kept.append((name, value))
    if consumer:
        kept.append(("modelway-consumer", consumer.decode("latin-1")))
    if payloads:
        kept.append((PAYLOADS, payloads))
    kept.append(("x-request-id", request_id.decode("latin-1")))
    return kept


def returned(metadata: Sequence[Pair] | None, *ours: Pair) -> tuple[Pair, ...]:
    """The metadata a caller gets."""
    kept = [(name, value) for name, value in metadata or () if name not in _NOT_BACK and not name.startswith("grpc-")]
    return (*kept, *ours)
