"""Who calls a method of the control API, and what else is known of the call beside its message."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.identity import VersionKey

Role = Literal["admin", "deployer", "reader", "gateway", "replica", "recorder"]
Transport = Literal["rest", "grpc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks; `name` is what revisions and events show. Whoever has `projects` sees these alone; a deployer may change them.

    `records_of` is the one version whose records a recorder may send.
    """

    name: str
    role: Role
    projects: tuple[str, ...] = ()
    records_of: VersionKey | None = None

    def sees(self, project: str) -> bool:
        """Whether what belongs to a project is shown."""
        return not self.projects or project in self.projects


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, whatever it came over.

    Args:
        caller: Who asks.
        request_id: What answers, errors and the log name it by.
        origin: The address it came from.
        transport: What it came over.
        method: What is called, as `Routes.UndoRoute`; the dispatch says so.
        asked_at: `https://HOST:PORT` as the caller has it; empty where that is not known.
        length: How many octets the request announced; None where it did not.
        left: Set when nobody waits for the answer any more.
    """

    caller: Caller
    request_id: str
    origin: str
    transport: Transport
    method: str = ""
    asked_at: str = ""
    length: int | None = None
    left: threading.Event = field(default_factory=threading.Event)

    def to(self, method: str) -> Self:
        """The same call, of a method that is known now."""
        return replace(self, method=method)

    def actor(self, method: str = "") -> Actor:
        """Who this is to the audit log; `method` only where it is not the one that is called."""
        return Actor(
            name=self.caller.name,
            role=self.caller.role,
            origin=self.origin,
            transport=self.transport,
            request_id=self.request_id,
            method=method or self.method,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Octets:
    """What is no JSON, `google.api.HttpBody`: an answer, or a piece of one, whose first piece says what all of it is.

    Args:
        data: The octets.
        content_type: What they are.
        total: How many all pieces have; None where nobody knows.
    """

    data: bytes
    content_type: str = "application/octet-stream"
    total: int | None = None


# An answer is JSON values, JSON already written, `Octets`, or None for nothing. In a stream, None says that it goes on.
Answerer = Callable[[Any, Call], Awaitable[Any]]
Streamer = Callable[[Any, Call], AsyncIterator[Any]]
Implementation = Mapping[str, Answerer | Streamer]
