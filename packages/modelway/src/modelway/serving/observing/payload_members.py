"""Members of a record that say what was asked and answered: made on the writing thread, without secrets, no longer than they may be."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from modelway.serving.observing.carried_policy import Capture
from modelway.serving.observing.inner_json import open_inner_json
from modelway.serving.observing.payload import KeptPieces, Read, read_json
from modelway.serving.observing.piece_texts import without_secrets
from modelway.serving.observing.redaction import NotPlainError, Redaction

_MOST_GROWN = 4
"""Times as long as it may be, a payload may become by what stands in the place of secrets: a record has an end, too."""
NO_JSON = b"?"
"""In the place of a value that has no such form."""


class Part(NamedTuple):
    """A member to be.

    Args:
        name: Its name.
        octets: What it is made of; empty where that is too long.
        size: Of that.
        most: Octets that may be written.
        read: What the octets say.
    """

    name: str
    octets: bytes
    size: int
    most: int
    read: Read = read_json


def part_of(name: str, octets: bytes, most: int, read: Read = read_json) -> Part:
    """What is too long goes no further: it would fill the memory that lines may take."""
    return Part(name, b"" if len(octets) > most else octets, len(octets), most, read)


def with_payloads(line: bytes, capture: Capture, parts: Sequence[Part], kept: KeptPieces | None) -> bytes:
    """A whole line.

    Args:
        line: A record without its closing brace.
        capture: Says what is taken out.
        parts: Its further members.
        kept: An answer that came in pieces.
    """
    members = [_member(capture.redaction, each) for each in parts]
    if kept is not None:
        members.append(_pieces(capture, kept))
    return b"%b%b}\n" % (line, b"".join(members))


def _member(redaction: Redaction, part: Part) -> bytes:
    if not part.size:
        return b""
    if part.octets == NO_JSON:
        return b',"%b_omitted":"not JSON"' % part.name.encode()
    try:
        text = b"" if not part.octets else _text(redaction, part)
    except NotPlainError as reason:
        return _omitted(part.name, part.size, str(reason))
    except Exception:  # noqa: BLE001 - whatever a payload is made of, its record is written
        return _omitted(part.name, part.size, "cannot be read")
    return _omitted(part.name, part.size, "too long") if not text else b',"%b":%b' % (part.name.encode(), text)


def _text(redaction: Redaction, part: Part) -> bytes:
    text = msgspec.json.encode(redaction.of_whole(open_inner_json(part.read(part.octets))))
    if part.read is not read_json and len(text) > part.most:
        raise NotPlainError(f"{len(text)} as JSON, too long")
    if len(text) > _MOST_GROWN * part.most:
        raise NotPlainError("too long once redacted")
    return text


def _omitted(name: str, size: int, reason: str) -> bytes:
    return b',"%b_omitted":"%d bytes, %b"' % (name.encode(), size, reason.encode())


def _pieces(capture: Capture, kept: KeptPieces) -> bytes:
    """The pieces in order, as many as may be written: those behind them were only looked at."""
    sizes: list[int] = []
    values: list[object] = []
    for octets in kept:
        sizes.append(len(octets))
        try:
            values.append(open_inner_json(kept.read(octets)))
        except NotPlainError as reason:
            values.append(f"[{len(octets)} bytes, {reason}]")
        except Exception:  # noqa: BLE001 - likewise
            values.append(f"[{len(octets)} bytes, cannot be read]")
    try:
        clean = [msgspec.json.encode(each) for each in without_secrets(capture.redaction, values)]
    except NotPlainError as reason:
        return _omitted("answer", kept.size, str(reason))
    except Exception:  # noqa: BLE001 - likewise
        return _omitted("answer", kept.size, "cannot be read")
    texts: list[bytes] = []
    came = takes = 0
    for size, text in zip(sizes, clean, strict=True):
        came, takes = came + size + 1, takes + len(text) + 1
        if max(came, takes) > capture.most_bytes:
            break
        texts.append(text)
    cut = b',"answer_truncated":true' if kept.full or len(texts) < len(clean) else b""
    return b',"answer":[%b]%b' % (b",".join(texts), cut)
