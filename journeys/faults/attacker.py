"""One connection that sends bytes no client would, and what became of it."""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
PAGE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`status` of the first answer, 0 without one; `seconds` from the last byte sent to the answer or the end."""

    status: int
    seconds: float
    answer: bytes
    sent: int
    ended: bool


async def strike(port: int, data: bytes, *, patience: float = 10.0, leave: bool = False) -> Outcome:
    """Send `data` as far as it is taken, then read until the end of the connection or `patience` is over.

    Args:
        port: On this machine.
        data: What to send.
        patience: Seconds to wait for an answer.
        leave: End our half behind it, for what may be a request without an end.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    sending = asyncio.create_task(_send(writer, data, leave=leave))
    answer, ended, began = b"", False, time.monotonic()
    seconds = 0.0
    try:
        async with asyncio.timeout(patience):
            while piece := await reader.read(1 << 16):
                if not answer:
                    seconds = time.monotonic() - began
                answer += piece
                if sending.done() and _is_whole(answer):
                    break
            else:
                ended = True
    except TimeoutError:
        pass
    except OSError:
        ended = True
    seconds = seconds or time.monotonic() - began
    sending.cancel()
    sent = 0
    with suppress(asyncio.CancelledError):
        sent = await sending
    writer.transport.abort()
    found = _STATUS.match(answer)
    return Outcome(status=int(found[1]) if found else 0, seconds=seconds, answer=answer, sent=sent, ended=ended)


async def _send(writer: asyncio.StreamWriter, data: bytes, *, leave: bool) -> int:
    sent = 0
    with suppress(OSError):
        for begin in range(0, len(data), 1 << 14):
            piece = data[begin : begin + (1 << 14)]
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
        if leave:
            writer.write_eof()
    return sent


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(found) and length is not None and len(body) >= int(length[1])


def resident(pid: int) -> int:
    """Bytes of memory a process has; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except OSError:
        return 0
