"""One line of JSON per request, appended to segments; a full disk loses records, counted, never a request."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from modelway.serving.observing.collected import lines_not_collected, read_marks
from modelway_platform.gateway.proxy.access_record import (
    NOTHING,
    AccessRecord,
    Json,
    decided_anew,
    epoch_now,
    of_head,
    unrouted,
    worker_members,
)

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange

MOST_GATHERED = 160
"""Records, of which a usual one has 400 octets: 64 KiB are written at once."""


class AccessLog:
    """Appends records of one worker to `<folder>/worker-<index>-<segment>.ndjson`.

    Records are gathered and written once per `flush` (each tick) or when 160 have come together.

    Args:
        folder: Where segments go; made when missing.
        index: The worker's number.
        gateway: The name of the gateway whose worker it is; records do not say it where it is empty.
        segment_bytes: Size at which the next segment begins.
        keep_segments: Older ones of this worker are deleted; records in them that no collector took are counted as `uncollected`.
    """

    def __init__(
        self,
        folder: Path,
        index: int,
        *,
        gateway: str = "",
        segment_bytes: int = 64 * 1024 * 1024,
        keep_segments: int = 16,
    ) -> None:
        self._folder = folder
        self._index = index
        self._segment_bytes = segment_bytes
        self._keep_segments = keep_segments
        self._entries: list[AccessRecord | Json] = []
        self._encode = msgspec.json.Encoder().encode_lines
        self._epoch = epoch_now()
        self._written = 0
        self._file = -1
        self.dropped = 0
        self.uncollected = 0
        self._removal: threading.Thread | None = None
        self.worker = worker_members(index, gateway)

    def record(self, exchange: "Exchange", status: int, code: str) -> AccessRecord:
        """Add the record of an answered request; returns it for the counters.

        Args:
            exchange: The request with all that was decided about it.
            status: What the caller was answered; 499 when it left before.
            code: The error's stable code; empty on success.
        """
        version = exchange.version
        replica = exchange.replica
        head = exchange.admission
        ended, started, sent = perf_counter(), exchange.started, exchange.sent_at
        took = int((ended - started) * 1e6)
        plain = exchange.plain
        record = AccessRecord(  # by position: names would cost half as much again
            ended + self._epoch,
            exchange.request_id.decode(),
            version.logged if version is not None else unrouted(exchange),
            (head.record or of_head(head)) if plain else decided_anew(exchange),
            replica.logged if replica is not None else NOTHING,
            status,
            code,
            took,
            took if sent == started else int((ended - sent) * 1e6) if sent else 0,
            exchange.bytes_in,
            exchange.bytes_out,
            0 if plain else exchange.retries,
            exchange.caller.logged,
        )
        self._entries.append(record)
        if len(self._entries) >= MOST_GATHERED:
            self.flush()
        return record

    def append(self, line: bytes) -> None:
        """Add a record that is written already: a JSON object and the end of its line."""
        self._entries.append(Json(line[:-1]))
        if len(self._entries) >= MOST_GATHERED:
            self.flush()

    def flush(self) -> None:
        """Write what has come together; counts what could not be written as dropped."""
        self._epoch = epoch_now()
        entries = self._entries
        if not entries:
            return
        self._entries = []
        data = self._encode(entries)
        try:
            if self._file < 0 or self._written >= self._segment_bytes:
                self._next_segment()
            written = os.write(self._file, data)
        except OSError:
            self.dropped += len(entries)
            return
        self._written += written
        if written < len(data):
            self._keep_whole_lines(data, written)

    def close(self) -> None:
        """Write the rest and close the segment."""
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._removal is not None:
            self._removal.join()

    def _keep_whole_lines(self, data: bytes, written: int) -> None:
        """A full disk cut a line: take the piece back, so that what stands in the segment stays readable."""
        whole = data.rfind(b"\n", 0, written) + 1
        self.dropped += data.count(b"\n", whole)
        try:
            os.ftruncate(self._file, os.fstat(self._file).st_size - (written - whole))
        except OSError:
            self._written = self._segment_bytes

    def _next_segment(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"worker-{self._index}-{time.time_ns()}.ndjson"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._written = 0
        old = sorted(self._folder.glob(f"worker-{self._index}-*.ndjson"))[: -self._keep_segments]
        if old:
            # Beside the requests, for what is counted may be 64 MiB; the one before has long ended.
            self._removal = threading.Thread(target=self._remove, args=(old, self._removal), daemon=True)
            self._removal.start()

    def _remove(self, segments: list[Path], before: threading.Thread | None) -> None:
        """Deletes segments; records that the collector has not taken are lost with them, which is counted."""
        if before is not None:
            before.join()
        marks = read_marks(self._folder)
        for segment in segments:
            lost = lines_not_collected(segment, marks)
            with suppress(OSError):
                segment.unlink()
                self.uncollected += lost
