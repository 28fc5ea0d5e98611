"""Secrets that come with requests, and whom they stand for; ends are judged here, by this machine's clock."""

import json
import math
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from modelway_platform.domain.access.consumers import consumer_of_key
from modelway_platform.domain.access.limits import NO_LIMITS, UsageLimits
from modelway_platform.domain.access.scopes import Scopes
from modelway_platform.domain.routing.jobs import job_pass
from modelway_platform.domain.table.route_table import KeyEntry

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.tokens import TokenVerifier

MAX_KNOWN_SECRETS = 10_000
_SAFE = "@._~:/+=|-"


class Identity:
    """Who calls, as far as a secret says it.

    `admin` sees what others asked for, `from_job` executes what a consumer asked for before. `key_id` is as the log writes it, empty for those with a token. `consumer` is plain ASCII, fit for a header and for the log.
    `scopes` None means every model. `until` is Unix time in seconds, infinite for one without an end.
    """

    __slots__ = ("admin", "consumer", "from_job", "id", "key_id", "limits", "scopes", "until")

    def __init__(
        self,
        consumer: str,
        *,
        key: str = "",
        scopes: Scopes | None = None,
        until: float = math.inf,
        limits: UsageLimits = NO_LIMITS,
        admin: bool = False,
        from_job: bool = False,
    ) -> None:
        self.id = key
        self.key_id = json.dumps(key)[1:-1].encode()
        self.consumer = quote(consumer, safe=_SAFE).encode()
        self.scopes = scopes
        self.until = until
        self.limits = limits
        self.admin = admin
        self.from_job = from_job


class KeyUses:
    """When each key came last, to the minute: Unix time in seconds by id; `unsaved` until somebody wrote it down."""

    __slots__ = ("times", "unsaved")

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self.unsaved = False


class Credentials:
    """All identities by the SHA-256 of their secrets, and those secrets that came lately.

    A secret is found by its hash alone, so how long it takes tells nothing about it.

    Args:
        keys: Those of the route table.
        tokens: Who verifies what is no key; None where there are no issuers.
        used: When each key came last; goes on from table to table.
    """

    __slots__ = ("_by_hash", "entries", "known", "next_end", "pass_secret", "tokens", "used")

    def __init__(
        self,
        keys: Iterable[KeyEntry] = (),
        used: KeyUses | None = None,
        tokens: "TokenVerifier | None" = None,
    ) -> None:
        self._by_hash: dict[str, Identity] = {}
        self.known: dict[bytes, Identity] = {}
        self.used = used or KeyUses()
        self.tokens = tokens
        self.pass_secret = ""  # of the jobs process, where there is one
        self.entries = tuple(keys)
        for key in self.entries:
            self._add(key)
        self.next_end = math.inf
        self._look_for_next_end(time.time())

    def identify(self, secret: bytes) -> Identity | None:
        """Whom `secret` stands for; None for one that is unknown, malformed, or past its end."""
        identity = self.known.get(secret)
        if identity is None:
            identity = self._by_hash.get(sha256(secret).hexdigest())
            if identity is None:
                return (self._job_identity(secret) if self.pass_secret else None) or self._by_token(secret)
            if identity.until <= time.time():
                return None
            if len(self.known) >= MAX_KNOWN_SECRETS:
                self.known.clear()
            self.known[secret] = identity
        if identity.id:
            self.used.times[identity.id] = time.time()
            self.used.unsaved = True
        return identity

    def _job_identity(self, secret: bytes) -> Identity | None:
        """Whom a pass of the jobs process stands for; not kept, as each is for a short time only."""
        now = time.time()
        given = job_pass.read(self.pass_secret, secret.decode("latin-1"), now)
        if given is None:
            return None
        self.next_end = min(self.next_end, given.until)
        scopes = Scopes((f"{given.project}/{given.model}",))
        return Identity(unquote(given.consumer), key=given.key_id, scopes=scopes, until=given.until, from_job=True)

    def some_ended(self, now: float) -> bool:
        """Whether an identity has come to its end since this was asked last; what was decided by any is then out of date."""
        if now < self.next_end:
            return False
        self.known = {secret: each for secret, each in self.known.items() if each.until > now}
        if self.tokens is not None:
            self.tokens.forget_ended(now)
        self._look_for_next_end(now)
        return True

    def _by_token(self, secret: bytes) -> Identity | None:
        if self.tokens is None:
            return None
        identity = self.tokens.verify(secret)
        if identity is not None:
            self.next_end = min(self.next_end, identity.until)
        return identity

    def _add(self, key: KeyEntry) -> None:
        consumer = consumer_of_key(key.consumer, key.name, key.id)
        scopes = Scopes(key.scopes) if key.scopes else None
        until = math.inf if key.expires_at is None else key.expires_at
        secrets = [(key.sha256, until)]
        if key.previous_sha256:
            secrets.append((key.previous_sha256, min(until, key.previous_until or 0.0)))
        for digest, end in secrets:
            self._by_hash[digest] = Identity(
                consumer, key=key.id, scopes=scopes, until=end, limits=key.limits, admin=key.role == "admin"
            )

    def _look_for_next_end(self, now: float) -> None:
        ends = [each.until for each in self._by_hash.values() if now < each.until < math.inf]
        if self.tokens is not None:
            ends += (each.until for each in self.tokens.known.values())
        self.next_end = min(ends, default=math.inf)
