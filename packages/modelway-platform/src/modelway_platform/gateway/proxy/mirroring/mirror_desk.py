"""Where a worker's copies wait, are sent, compared and recorded: always after the caller has been answered, and first to be dropped.

Copies wait in a queue that is looked at every few milliseconds, so that no caller's request waits behind them. When the loop is
late, or its queue long, the worker has enough to do with callers: what waits is dropped, and so is what comes in the next moment.
"""

import json
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from modelway_platform.domain.agreement.answer_values import Answer
from modelway_platform.domain.agreement.compare_answers import Agreement
from modelway_platform.gateway.proxy.limits.overload_guard import COPIES
from modelway_platform.gateway.proxy.mirroring.comparison_helper import ComparisonHelper
from modelway_platform.gateway.proxy.mirroring.live_mirrors import DOWN_SECONDS, LiveMirror
from modelway_platform.gateway.proxy.mirroring.mirror_connection import close_idle
from modelway_platform.gateway.proxy.mirroring.mirror_copy import MirrorCopy

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.access_record import AccessRecord
    from modelway_platform.gateway.proxy.exchange import Exchange
    from modelway_platform.gateway.proxy.live_routes import LiveModel
    from modelway_platform.gateway.proxy.worker_state import WorkerState

SEND_SECONDS = 0.002
SENT_AT_ONCE = 8
LATE_SECONDS = 0.05
PRESSED_SECONDS = 0.5
MAX_HELD_BYTES = 64 * 1024 * 1024


class MirrorDesk:
    """One per worker."""

    def __init__(self, worker: "WorkerState") -> None:
        self.worker = worker
        self.loop = worker.loop
        self.down_seconds = DOWN_SECONDS
        self._tasks = worker.tasks
        self._queue: deque[MirrorCopy] = deque()
        self._held_bytes = 0
        self._due = 0.0
        self._pressed_until = 0.0
        self._helper = ComparisonHelper(worker.loop, worker.tasks)

    def take(self, exchange: "Exchange", record: "AccessRecord") -> None:
        """An exchange with copies is over: make them, or count why not."""
        copies, version = exchange.copies, exchange.version
        if copies is None or version is None:
            return
        request, why = _request_of(exchange, record.code)
        source = version.name.decode()
        crowded = version.guard is not None and not version.guard.has_room(COPIES)
        for mirror in copies.mirrors:
            counts = mirror.counts_for(source)
            if request is None or exchange.bytes_in > mirror.policy.max_body_bytes:
                why = why or "body_too_large"
                counts.skipped[why] = counts.skipped.get(why, 0) + 1
                continue
            reason = "overload" if crowded else self._no_room(mirror, request)
            if reason:
                counts.dropped[reason] = counts.dropped.get(reason, 0) + 1
                continue
            copy = MirrorCopy(self, mirror, exchange, request, (record.status, record.duration_us))
            mirror.in_flight += 1
            self._held_bytes += copy.held_bytes
            self._queue.append(copy)
        if self._queue and not self._due:
            self.look_again()

    def ended(self, copy: MirrorCopy, agreement: Agreement | None) -> None:
        """A copy has its answer, and is compared if it shall be: write its record."""
        self._held_bytes -= copy.held_bytes
        said = b""
        if agreement is not None:
            copy.mirror.counts_for(copy.source).compared(copy.endpoint, agreement.agree)
            said = _said(agreement)
        self.worker.log.append(copy.record(self.worker.log.worker, said))

    def uncompared(self, copy: MirrorCopy, reason: str) -> None:
        """A copy whose answer nobody compares."""
        counts = copy.mirror.counts_for(copy.source)
        counts.uncompared[reason] = counts.uncompared.get(reason, 0) + 1
        self._held_bytes -= copy.held_bytes
        self.worker.log.append(copy.record(self.worker.log.worker, b',"uncompared":"%b"' % reason.encode()))

    def compare(self, copy: MirrorCopy, answer: Answer) -> None:
        """Have both answers compared by the helper."""
        assert copy.comparator is not None
        primary = copy.primary_answer
        if "text/event-stream" in {primary.media_type, answer.media_type}:
            self.uncompared(copy, "stream")
            return

        def done(agreement: Agreement | None) -> None:
            if agreement is None:
                self.uncompared(copy, "comparer_ended")
            else:
                self.ended(copy, agreement)

        if not self._helper.submit(copy.comparator, primary, answer, done):
            self.uncompared(copy, "comparer_busy")

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it; ended with the worker."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close_idle(self, models: "Iterable[LiveModel]") -> None:
        """Close connections that no copy has used for a while."""
        clock = self.loop.time()
        for model in models:
            if model.mirrors is not None:
                for mirror in model.mirrors.all():
                    for replica in mirror.replicas:
                        close_idle(replica, clock)

    def close(self) -> None:
        """End the helper; copies under way are forgotten with their connections."""
        self._queue.clear()
        self._helper.close()

    def _no_room(self, mirror: LiveMirror, request: bytes) -> str:
        if mirror.in_flight >= mirror.policy.max_in_flight:
            return "over_budget"
        if self._held_bytes + len(request) > MAX_HELD_BYTES:
            return "memory"
        return "pressure" if self.loop.time() < self._pressed_until else ""

    def look_again(self) -> None:
        """Look at the queue in a moment."""
        self._due = self.loop.time() + SEND_SECONDS
        self.loop.call_at(self._due, self._send)

    def _send(self) -> None:
        now = self.loop.time()
        late, self._due = now - self._due, 0.0
        queue = self._queue
        if late > LATE_SECONDS:
            self._pressed_until = now + PRESSED_SECONDS
            while queue:
                self._drop(queue.popleft())
            return
        for _ in range(min(SENT_AT_ONCE, len(queue))):
            queue.popleft().send()
        if queue:
            self.look_again()

    def _drop(self, copy: MirrorCopy) -> None:
        copy.mirror.in_flight -= 1
        self._held_bytes -= copy.held_bytes
        dropped = copy.mirror.counts_for(copy.source).dropped
        dropped["pressure"] = dropped.get("pressure", 0) + 1


def _request_of(exchange: "Exchange", code: str) -> tuple[bytes | None, str]:
    """All that was sent to the primary's replica; None and why where that is not at hand, or not worth it."""
    if code == "client_left":
        return None, "caller_left"
    if exchange.admission.websocket:
        return None, "websocket"
    if not exchange.replayable:
        return None, "body_too_large"
    if exchange.sent is None or exchange.pending or not exchange.caller.request_complete:
        return None, "never_sent"
    return b"".join(exchange.sent), ""


def _said(agreement: Agreement) -> bytes:
    found: dict[str, Any] = {"agree": agreement.agree}
    if agreement.score is not None:
        found["score"] = round(agreement.score, 6)
    if agreement.why:
        found["why"] = agreement.why[:300]
    return b"," + json.dumps(found, separators=(",", ":"))[1:-1].encode()
