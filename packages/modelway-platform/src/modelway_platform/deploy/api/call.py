"""Who calls a method of the control API, and what else is known of the call beside its message."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modelway_platform.domain.actor import Actor

Role = Literal["admin", "deployer", "reader", "gateway", "replica"]
Transport = Literal["rest", "grpc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks; `name` is what revisions and events show. A deployer may change what is in `projects`."""

    name: str
    role: Role
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, whatever it came over.

    Args:
        caller: Who asks.
        request_id: What answers, errors and the log name it by.
        origin: The address it came from.
        transport: What it came over.
        left: Set when nobody waits for the answer any more.
    """

    caller: Caller
    request_id: str
    origin: str
    transport: Transport
    left: threading.Event = field(default_factory=threading.Event)

    def actor(self, method: str) -> Actor:
        """Who this is to the audit log; `method` is what was called, as `Routes.UndoRoute`."""
        return Actor(
            name=self.caller.name,
            role=self.caller.role,
            origin=self.origin,
            transport=self.transport,
            request_id=self.request_id,
            method=method,
        )


# An answer is JSON values, or JSON already written. Between the pieces of a stream, None says that it goes on.
Answerer = Callable[[Any, Call], Awaitable[Any]]
Streamer = Callable[[Any, Call], AsyncIterator[Any]]
Implementation = Mapping[str, Answerer | Streamer]
