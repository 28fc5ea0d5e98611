"""How much and how long: every bound the engine keeps on a caller."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one connection; sizes in bytes, times in seconds.

    Times are kept by a clock that ticks every `tick_seconds`, so each may run over by that much.

    Args:
        max_head_bytes: Request line and headers together.
        max_headers: Header lines.
        max_target_bytes: The target in the request line.
        max_body_bytes: A body, without its framing.
        max_framing_bytes: Chunk sizes, chunk extensions and trailers, beyond `framing_per_body_byte` for each byte of body.
        framing_per_body_byte: A chunk of one byte needs five bytes of framing.
        max_connections: Open at once on one listener; further ones are dropped.
        max_connections_per_address: The same from one address; 0 for no such bound.
        head_seconds: From a head's first byte to its last; also from connecting to the first byte.
        first_request_seconds: From the beginning of a drain to the first byte of who had just connected.
        body_idle_seconds: Between two pieces of a body.
        min_bytes_per_second: A body that arrives, or an answer that is taken, more slowly than this is given up
            (after the first `body_idle_seconds`, `write_stall_seconds`).
        keep_alive_seconds: Between an answer and the next request.
        write_stall_seconds: Without the caller taking anything of an answer.
        linger_seconds: From our end of the connection to the caller's.
        tick_seconds: How often the clock looks.
    """

    max_head_bytes: int = 32 * 1024
    max_headers: int = 100
    max_target_bytes: int = 8 * 1024
    max_body_bytes: int = 64 * 1024 * 1024
    max_framing_bytes: int = 32 * 1024
    framing_per_body_byte: int = 8
    max_connections: int = 16 * 1024
    max_connections_per_address: int = 0
    head_seconds: float = 8.0
    first_request_seconds: float = 2.0
    body_idle_seconds: float = 8.0
    min_bytes_per_second: int = 240
    keep_alive_seconds: float = 75.0
    write_stall_seconds: float = 8.0
    linger_seconds: float = 1.5
    tick_seconds: float = 0.1
