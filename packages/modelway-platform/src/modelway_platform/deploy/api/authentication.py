"""Whom a secret belongs to, whatever it was sent over."""

import hmac
from collections.abc import Callable

from modelway.errors import ForbiddenError, UnauthenticatedError
from modelway_platform.deploy.api.call import Caller
from modelway_platform.domain.identity import VersionKey
from modelway_platform.store.access.keys import Keys, hash_secret
from modelway_platform.store.access.tokens import Tokens

LONGEST_SECRET = 256


class Authentication:
    """Knows admin keys, tokens with a role, gateways' keys and the replicas' token.

    Args:
        keys: Where keys are looked up.
        tokens: Where tokens are.
        replica_token: By which replicas register.
        is_replica_token: Whether the secret of this hash is that of another control process of this platform.
        records_of: The version whose records a token is for; None for what is no such token.
    """

    def __init__(
        self,
        keys: Keys,
        tokens: Tokens,
        replica_token: str,
        is_replica_token: Callable[[str], bool] = lambda _: False,
        records_of: Callable[[str], VersionKey | None] = lambda _: None,
    ) -> None:
        self._records_of = records_of
        self._is_replica_token = is_replica_token
        self._keys = keys
        self._tokens = tokens
        self._replica_token = replica_token.encode()

    def caller_of(self, authorization: bytes) -> Caller:
        """Who says `Bearer SECRET`; called in a thread.

        Raises:
            UnauthenticatedError: Nobody we know.
            ForbiddenError: A key that calls models.
        """
        scheme, _, sent = authorization.partition(b" ")
        given = sent.strip()
        if scheme.lower() != b"bearer" or not given or len(given) > LONGEST_SECRET:
            raise _unknown()
        if self._replica_token and hmac.compare_digest(given, self._replica_token):
            return Caller(name="replica", role="replica")
        secret = given.decode("latin-1")
        if self._is_replica_token(hash_secret(secret)):
            return Caller(name="replica", role="replica")
        recorded = self._records_of(secret)
        if recorded is not None:
            return Caller(name=f"replica of {recorded}", role="recorder", records_of=recorded)
        token = self._tokens.find(secret)
        if token is not None:
            return Caller(name=token.name, role=token.role, projects=token.projects)
        key = self._keys.find(secret)
        if key is None:
            raise _unknown()
        if key.role == "caller":
            raise ForbiddenError(
                "this key calls models; the control API needs an admin key",
                hint="modelway key create NAME --role admin, with an admin key",
            )
        return Caller(name=key.name, role=key.role)


def _unknown() -> UnauthenticatedError:
    # One answer for a missing, malformed, unknown and revoked key, so that none can be told from another.
    return UnauthenticatedError(
        "an admin key or a token is needed, and what was sent is not one", hint="send `Authorization: Bearer KEY`"
    )
