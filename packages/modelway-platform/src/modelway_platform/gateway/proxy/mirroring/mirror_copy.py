"""One copy of a request, from the moment its primary is answered to its own record."""

import asyncio
import re
from collections.abc import Sequence
from time import perf_counter, time_ns
from typing import TYPE_CHECKING

from modelway_platform.domain.agreement.answer_values import Answer
from modelway_platform.gateway.proxy.mirroring.mirror_connection import MirrorConnection

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange
    from modelway_platform.gateway.proxy.mirroring.live_mirrors import Copies, LiveMirror, MirrorReplica
    from modelway_platform.gateway.proxy.mirroring.mirror_desk import MirrorDesk

CONNECT_SECONDS = 2.0  # with a handshake
_LINE = re.compile(rb"([^:\r\n]+):[ \t]*([^\r\n]*)")
# Behind what the caller said: nobody waits for a copy, so that it comes last where requests wait.
_MARK = b"\r\nmodelway-mirror: true\r\nmodelway-priority: 0"


class MirrorCopy:
    """Sent once and never again, whatever becomes of it."""

    __slots__ = (
        "_answer",
        "_began",
        "_connection",
        "_copies",
        "_desk",
        "_ended",
        "_logged",
        "_primary",
        "_replica",
        "_request_id",
        "_timer",
        "comparator",
        "endpoint",
        "head_only",
        "held_bytes",
        "kept_bytes",
        "mirror",
        "request",
        "source",
    )

    def __init__(
        self, desk: "MirrorDesk", mirror: "LiveMirror", exchange: "Exchange", request: bytes, primary: tuple[int, int]
    ) -> None:
        copies, version, admission = exchange.copies, exchange.version, exchange.admission
        assert copies is not None
        assert version is not None
        self._desk = desk
        self.mirror = mirror
        end = request.find(b"\r\n\r\n")
        self.request = request[:end] + _MARK + request[end:]
        self.head_only = exchange.request.method == b"HEAD"
        self.source = version.name.decode()
        self.endpoint = admission.endpoint.decode("latin-1")
        self.comparator = copies.comparator
        self.kept_bytes = mirror.policy.max_body_bytes if copies.comparator is not None else 0
        self.held_bytes = len(self.request) + sum(map(len, copies.kept))
        self._copies: Copies = copies
        self._logged = admission.logged
        self._primary = b"%d,%d" % primary  # status, microseconds
        self._request_id = exchange.request_id
        self._replica: MirrorReplica | None = None
        self._connection: MirrorConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._ended = False
        self._answer = (0, b"", 0, 0.0)

    @property
    def clock(self) -> float:
        """The loop's time in seconds."""
        return self._desk.loop.time()

    @property
    def primary_answer(self) -> Answer:
        """What the caller got."""
        copies = self._copies
        headers = [each for pair in _LINE.findall(copies.answer_head) for each in pair]
        status = int(self._primary.partition(b",")[0])
        return answer_of(
            status, [each if index % 2 else each.lower() for index, each in enumerate(headers)], copies.kept
        )

    def send(self) -> None:
        """Over an idle connection, or a new one."""
        loop = self._desk.loop
        self._began = perf_counter()
        replica = self._replica = self.mirror.choose_replica(self.clock)
        self.mirror.note_copy()
        if replica is None:
            self.failed(503, b"no_ready_replica")
            return
        self._timer = loop.call_later(self.mirror.policy.timeout_seconds, self.overdue)
        while replica.idle:
            connection = replica.idle.pop()
            if connection.is_open:
                self._connection = connection
                connection.carry(self)
                return
        self._desk.spawn(self._connect(replica))

    async def _connect(self, replica: "MirrorReplica") -> None:
        try:
            context = self._desk.worker.replica_context if replica.entry.secure else None
            if replica.entry.secure and context is None:
                raise OSError("this gateway was not told whom to believe")  # noqa: TRY301 - as good as not reached
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await self._desk.loop.create_connection(
                    lambda: MirrorConnection(replica),
                    replica.entry.host,
                    replica.entry.port,
                    ssl=context,
                    server_hostname=replica.entry.host if context is not None else None,
                )
        except (OSError, TimeoutError, ValueError):  # ValueError: a host name that cannot be looked up
            replica.down_until = self.clock + self._desk.down_seconds
            self.failed(503, b"no_ready_replica")
            return
        if self._ended:
            connection.close()
            return
        self._connection = connection
        connection.carry(self)

    def overdue(self) -> None:
        """Its time is over."""
        if self._connection is not None:
            self._connection.drop()
        self.failed(504, b"deadline_exceeded")

    def failed(self, status: int, code: bytes) -> None:
        """There is no answer."""
        if self._ended:
            return
        self._end(status, code, 0)
        if self.comparator is None:
            self._desk.ended(self, None)
        else:
            self._desk.uncompared(self, "no_answer")

    def answered(self, status: int, headers: Sequence[bytes], body: list[bytes], size: int) -> None:
        """The whole answer is in."""
        if self._ended:
            return
        self._end(status, b"", size)
        if self.comparator is None:
            self._desk.ended(self, None)
        elif self._copies.too_long or size > self.kept_bytes:
            self._desk.uncompared(self, "answer_too_large")
        else:
            self._desk.compare(self, answer_of(status, headers, body))

    def _end(self, status: int, code: bytes, size: int) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._answer = (status, code, size, perf_counter() - self._began)
        self.mirror.in_flight -= 1
        self.mirror.counts_for(self.source).answered(status, self._answer[3])

    def record(self, worker: bytes, said: bytes) -> bytes:
        """The line for the access log; `said` is what the comparison found, as JSON members."""
        status, code, size, seconds = self._answer
        now = time_ns() // 1000
        primary_status, _, primary_us = self._primary.partition(b",")
        return (
            b'{"time":%d.%06d,"request_id":"%b",%b,%b,"replica":"%b","status":%d,"code":"%b","duration_us":%d,'
            b'"bytes_in":%d,"bytes_out":%d,"mirrored":true,"primary":"%b","primary_status":%b,"primary_us":%b%b,"worker":%b}\n'
            % (
                now // 1_000_000,
                now % 1_000_000,
                self._request_id,
                self.mirror.log_prefix,
                self._logged,
                self._replica.id_bytes if self._replica is not None else b"",
                status,
                code,
                seconds * 1e6,
                len(self.request) - self.request.find(b"\r\n\r\n") - 4,
                size,
                self.source.encode(),
                primary_status,
                primary_us,
                said,
                worker,
            )
        )


def answer_of(status: int, headers: Sequence[bytes], body: list[bytes]) -> Answer:
    """An answer as comparators take it; `headers` are names in lower case and values, in turn."""
    fields = dict(zip(headers[::2], headers[1::2], strict=True))
    length = fields.get(b"inference-header-content-length", b"").strip()
    return Answer(
        status=status,
        media_type=fields.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1"),
        encoding=fields.get(b"content-encoding", b"").strip().lower().decode("latin-1"),
        body=b"".join(body),
        json_bytes=int(length) if length.isdigit() else -1,
    )
