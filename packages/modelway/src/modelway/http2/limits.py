"""How much and how long: every bound the engine keeps on a peer, beyond those of `modelway.http1.Limits`."""

from dataclasses import dataclass

from modelway import http1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(http1.Limits):
    """Bounds on one connection; sizes in bytes, times in seconds, kept as those of HTTP/1.1 are.

    Of the inherited ones `max_headers`, `max_target_bytes`, `max_framing_bytes` and `framing_per_body_byte` have no meaning here, and
    `keep_alive_seconds` is the silence after which the peer is asked for a sign of life.

    Args:
        max_streams: Calls at a time over one connection.
        max_block_bytes: A header block as it is on the wire, continuations included.
        max_continuations: CONTINUATION frames of one block.
        max_list_bytes: A header list once decoded, counted as RFC 9113, section 6.5.2 does; the peer is told, and a list up to
            twice as large is still read, so that its call can be answered. A larger one ends the connection.
        stream_window: What a peer may send on a stream before it hears that we take more.
        connection_window: The same for all streams together.
        max_reserved_bytes: Bodies larger than `stream_window` that may arrive at the same time; others wait for their turn.
        sign_of_life_seconds: From asking for a sign of life to giving the connection up.
        idle_seconds: Without any call; then the connection is ended in an orderly way.
        stream_stall_seconds: Without the peer taking anything of a stream that goes on and on.
        nuisances: Frames that only make work, in `nuisance_seconds`, beyond those that go with calls and answers.
        nuisance_seconds: See `nuisances`.
        farewell_seconds: From saying that no more calls are wanted to naming the last one that is answered, where the peer does
            not tell earlier that it has heard: what it sends after that is lost to clients that do not send again.
    """

    max_streams: int = 1024
    max_block_bytes: int = 32 * 1024
    max_continuations: int = 8
    max_list_bytes: int = 16 * 1024
    stream_window: int = 256 * 1024
    connection_window: int = 16 * 1024 * 1024
    max_reserved_bytes: int = 128 * 1024 * 1024
    sign_of_life_seconds: float = 20.0
    idle_seconds: float = 1800.0
    stream_stall_seconds: float = 60.0
    nuisances: int = 1000
    nuisance_seconds: float = 10.0
    farewell_seconds: float = 8.0
