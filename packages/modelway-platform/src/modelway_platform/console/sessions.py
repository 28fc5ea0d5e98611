"""Who is signed in: in memory, so that ending the console signs everybody out."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SESSION_SECONDS = 12 * 3600.0
TICKET_SECONDS = 120.0
MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a key belongs to, as the control API says: `role` is admin, deployer or reader; no `projects` are all."""

    name: str = ""
    role: str = ""
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A key or token that somebody signed in with.

    Args:
        key: The platform's key; it never leaves the console's process.
        token: What the page must say beside its cookie. Cookies go to every port of a host, to a model server's page, too;
            this one is in the page's own storage, which belongs to one port alone.
        who: Whom the key belongs to.
        calls_with: The key for the gateway, which does not know tokens; empty for the same one.
    """

    key: str
    token: str
    who: Who = Who()
    calls_with: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    session: Session
    until: float


class Secrets:
    """Random names for sessions, each for a while; the oldest give way to new ones.

    Args:
        seconds: How long one is good.
        clock: `time.monotonic`, or a test's.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def add(self, key: str, who: Who) -> tuple[str, Session]:
        """A new name for the `key` of `who`, which nobody can guess, and the session that it stands for."""
        while len(self._kept) >= MOST_KEPT:
            self._kept.popitem(last=False)
        name = secrets.token_urlsafe(32)
        session = Session(key, secrets.token_urlsafe(32), who)
        self._kept[name] = _Kept(session, self._clock() + self._seconds)
        return name, session

    def find(self, name: str) -> Session | None:
        """The session, unless it is unknown or over."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        if self._clock() >= kept.until:
            del self._kept[name]
            return None
        return kept.session

    def change(self, name: str, session: Session) -> None:
        """Another session under the same name, as long as that is good."""
        if self.find(name) is not None:
            self._kept[name] = _Kept(session, self._kept[name].until)

    def take(self, name: str) -> Session | None:
        """The session, once."""
        session = self.find(name)
        self._kept.pop(name, None)
        return session
