"""One line of JSON per inference, in the words of the gateway's access log, so that both are joined by request id."""

import json
import time
from functools import partial
from typing import Protocol
from zlib import crc32

import msgspec

from modelway.serving.log_settings import PayloadPolicy
from modelway.serving.observing.carried_policy import Capture, CarriedPolicies
from modelway.serving.observing.payload_members import NO_JSON, Part, part_of, with_payloads
from modelway.serving.observing.redaction import Redaction
from modelway.serving.observing.segments import Entry
from modelway.serving.observing.trail import Ended, Trail
from modelway.serving.settings import Identity

MOST_FIELDS_BYTES = 4096
"""Longer log fields of a handler are left out."""
_ALL = 1 << 32
_ESCAPED = frozenset('"\\')


class Lines(Protocol):
    """Where lines go; `SegmentWriter` is one."""

    def append(self, entry: Entry, size: int, /) -> None: ...


class InferenceLog:
    """Writes the records of one worker.

    Args:
        lines: Where they go.
        identity: Whose inferences they are.
        replica: Its id; may be empty.
        worker: The worker's number.
        policy: Which payloads are written.
    """

    def __init__(self, lines: Lines, identity: Identity, replica: str, worker: int, policy: PayloadPolicy) -> None:
        self._lines = lines
        self._own = Capture(policy.max_bytes, Redaction(policy.redacted_names, policy.redacted_patterns))
        # Outside a platform nobody stands between callers and this header.
        self._carried = CarriedPolicies(policy.redacted_names, policy.redacted_patterns) if identity.project else None
        self._sampled_below = int(min(max(policy.share, 0.0), 1.0) * _ALL)
        names = {"project": identity.project, "model": identity.model, "version": identity.version}
        self._who = b"%b," % json.dumps(names)[1:-1].encode()
        self._where = b'"replica":%b,"worker":%d' % (json.dumps(replica).encode(), worker)

    def capture(self, request_id: str, carried: bytes) -> Capture | None:
        """What is written of a request's payloads: by the route's policy where it has one, else by this server's own.

        Args:
            request_id: Its name; so it is the same answer at every replica and for copies.
            carried: What its route says of payloads.
        """
        if carried and self._carried is not None:
            return self._carried.of(carried, request_id)
        return self._own if self._sampled_below and crc32(request_id.encode()) < self._sampled_below else None

    def record(self, trail: Trail, ended: Ended, seconds: float) -> None:
        """Add the record of a request that took `seconds`. Looking for secrets is left to the writing thread."""
        line = self._line(trail, ended, seconds)
        capture = trail.capture
        kept = None if ended.body else trail.kept  # pieces that were sent together in the end are one answer
        parts: list[Part] = []
        if ended.fields:
            parts.append(part_of("fields", _json_of(ended.fields), MOST_FIELDS_BYTES))
        if capture is not None:
            parts.append(Part("request", trail.body, trail.body_bytes, capture.most_bytes, trail.read))
            if kept is None:
                parts.append(part_of("answer", ended.body, capture.most_bytes, ended.read))
        if not parts:
            line += b"}\n"
            self._lines.append(line, len(line))
            return
        size = len(line) + sum(len(each.octets) for each in parts) + (kept.size if kept is not None else 0)
        self._lines.append(partial(with_payloads, line, capture or self._own, parts, kept), size)

    def _line(self, trail: Trail, ended: Ended, seconds: float) -> bytes:
        """The record without its closing brace. Whole microseconds, as formatting floats costs most."""
        asked = trail.asked
        now = time.time_ns() // 1000
        plain = _ESCAPED.isdisjoint(asked.request_id)
        queue, preprocess, inference, postprocess = trail.stage_us()
        return (
            b'{"time":%d.%06d,"request_id":%b,%b"endpoint":"%b",%b,"transport":"%b","status":%d,"code":"%b",'
            b'"duration_us":%d,"queue_us":%d,"preprocess_us":%d,"inference_us":%d,"postprocess_us":%d,"encode_us":%d,'
            b'"batch":%d,"closed":"%b","deadline_ms":%d,"bytes_in":%d%b'
            % (
                now // 1_000_000,
                now % 1_000_000,
                b'"%b"' % asked.request_id.encode() if plain else json.dumps(asked.request_id).encode(),
                self._who,
                asked.endpoint.encode(),
                self._where,
                asked.transport.encode(),
                ended.status,
                ended.code.encode(),
                seconds * 1e6,
                queue,
                preprocess,
                inference,
                postprocess,
                trail.encode * 1e6,
                trail.batch,
                b"" if trail.closed is None else trail.closed.name.lower().encode(),
                trail.time_given * 1e3,
                asked.bytes_in,
                self._more(trail, ended),
            )
        )

    def _more(self, trail: Trail, ended: Ended) -> bytes:
        """Members that most records do not have."""
        parts: list[bytes] = []
        if trail.mirrored:
            parts.append(b',"mirrored":true')
        if trail.step:
            parts.append(b',"step":%b' % json.dumps(trail.step).encode())
        if ended.rows != 1:
            parts.append(b',"rows":%d' % ended.rows)
        if ended.pieces:
            parts.append(b',"pieces":%d' % ended.pieces)
        if trail.trace is not None:
            parts.append(b',"trace_id":"%b"' % trail.trace.trace_id.encode())
        return b"".join(parts)


def _json_of(fields: object) -> bytes:
    """What a handler wrote may be anything: what is no JSON is nothing that can be read as such."""
    try:
        return msgspec.json.encode(fields, enc_hook=str)
    except Exception:  # noqa: BLE001 - not even a `__str__` that raises may cost the record
        return NO_JSON
