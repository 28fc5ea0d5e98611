"""How much and how long: every bound the engine keeps on a caller."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one connection; sizes in bytes, times in seconds.

    Times are kept by a clock that ticks every `tick_seconds`, so each may run over by that much.
    """

    max_head_bytes: int = 32 * 1024
    max_headers: int = 100
    max_target_bytes: int = 8 * 1024
    max_body_bytes: int = 64 * 1024 * 1024
    head_seconds: float = 10.0
    body_idle_seconds: float = 30.0
    keep_alive_seconds: float = 75.0
    write_stall_seconds: float = 30.0
    linger_seconds: float = 2.0
    tick_seconds: float = 0.1
