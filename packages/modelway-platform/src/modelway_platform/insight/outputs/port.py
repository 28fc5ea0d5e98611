"""The port to an output: something that is given turns, says how it stands, and can be closed in between."""

from typing import Protocol

import msgspec


class OutputState(msgspec.Struct, frozen=True, kw_only=True):
    """How one output stands.

    Args:
        what: Which sort of output: `otlp`, `kafka` or `s3`.
        sent: Records that arrived, by kind.
        refused: Records that the receiver will never take, by kind.
        dropped: Records that had to be let go before they could be sent, by kind.
        waiting: Records that were collected and are still to be sent.
        since: Unix time of the collection of the first of them; None for none.
        failing: Why the last try failed; empty if it did not.
        more: Further numbers, by the name of their metric.
    """

    what: str
    sent: dict[str, int] = {}
    refused: dict[str, int] = {}
    dropped: dict[str, int] = {}
    waiting: int = 0
    since: float | None = None
    failing: str = ""
    more: dict[str, float] = {}


class Output(Protocol):
    """One destination. Used by one thread."""

    def turn(self) -> bool:
        """Sends some; returns whether to go on at once.

        Raises:
            AwayError: Nobody takes it now; nothing is lost.
            Exception: Something else is wrong; it is closed and made anew.
        """
        ...

    def state(self) -> OutputState:
        """How it stands; `failing` is left empty. Raises as `turn` does."""
        ...

    def close(self) -> None:
        """Lets go of what is open."""
        ...
