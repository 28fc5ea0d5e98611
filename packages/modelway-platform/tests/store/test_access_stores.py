"""Tokens, issuers and the audit log, on each kind of database."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.access.api_token import TokenSpec
from modelway_platform.domain.access.audit_entry import AuditQuery
from modelway_platform.domain.access.issuer_json import issuer_to_json
from modelway_platform.domain.access.token_issuer import TokenIssuer
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.access.etag import etag_of
from modelway_platform.store.access.token_issuers import MAX_ISSUERS, TokenIssuers
from modelway_platform.store.access.tokens import Tokens
from modelway_platform.store.database import Database

ANN = Actor(name="ann", role="admin", origin="10.0.0.1", transport="rest", request_id="r-1", method="X.Y")
ISSUER = TokenIssuer(name="corp", issuer="https://idp.example/", audiences=("a",), key_set_url="https://idp.example/k")


@pytest.fixture
def notified() -> list[None]:
    return []


@pytest.fixture
def notify(notified: list[None]) -> Callable[[], None]:
    return lambda: notified.append(None)


def test_a_token_opens_until_it_is_revoked_or_has_ended(
    database: Database, notified: list[None], notify: Callable[[], None]
) -> None:
    now = [100.0]
    tokens = Tokens(database, notify, lambda: now[0])
    token, secret = tokens.create(TokenSpec(name="ci", role="deployer", projects=("vision",), lifetime=50), author=ANN)
    now[0] = 101.0
    other, kept = tokens.create(TokenSpec(name="look", role="reader"))
    assert tokens.find(secret) == token == replace(token, projects=("vision",), created_by="ann", expires_at=150.0)
    assert tokens.find(secret + "x") is None
    assert tokens.find("' OR '1'='1") is None
    with database.read() as connection:
        for table in ("tokens", "audit"):
            assert secret not in str(connection.execute(text(f"SELECT * FROM {table}")).all())
    now[0] = 150.0
    assert tokens.find(secret) is None
    assert tokens.find(kept) == other
    notified.clear()
    tokens.revoke(other.id, author=ANN)
    tokens.revoke(other.id, author=ANN)
    assert tokens.find(kept) is None
    assert len(notified) == 1
    assert [(each.id, each.revoked_at) for each in tokens.list()] == [(token.id, None), (other.id, 150.0)]
    with pytest.raises(NotFoundError):
        tokens.revoke("token-unknown")
    said = [(each.action, each.name) for each in Audit(database).following(AuditQuery(kind="Token"))]
    assert said == [("created", token.id), ("created", other.id), ("revoked", other.id)]


def test_an_issuer_keeps_its_keys_while_its_url_stays(database: Database, notify: Callable[[], None]) -> None:
    issuers = TokenIssuers(database, notify, lambda: 7.0)
    made = issuers.declare(ISSUER, (), author=ANN)
    assert (made.spec, made.keys, made.fetched_at, made.problem) == (ISSUER, (), None, "")
    issuers.fetched("corp", ISSUER.key_set_url, ("{}",))
    issuers.not_fetched("corp", ISSUER.key_set_url, "refused")
    issuers.fetched("corp", "https://elsewhere.example/", ("{1}",))
    issuers.fetched("unknown", ISSUER.key_set_url, ("{1}",))
    assert [(each.keys, each.problem, each.fetched_at) for each in issuers.list()] == [(("{}",), "refused", 7.0)]
    kept = issuers.declare(replace(ISSUER, scopes=("vision/*",)), ())
    assert (kept.keys, kept.spec.scopes) == (("{}",), ("vision/*",))
    moved = issuers.declare(replace(ISSUER, key_set_url="https://idp.example/2"), ())
    assert moved.keys == ()


def test_an_issuer_is_changed_as_it_was_seen_and_its_iss_is_its_own(database: Database) -> None:
    issuers = TokenIssuers(database)
    seen = etag_of(issuer_to_json(issuers.declare(ISSUER, ()).spec))
    issuers.declare(replace(ISSUER, leeway_seconds=1.0), (), expected=seen)
    with pytest.raises(ConflictError):
        issuers.declare(ISSUER, (), expected=seen)
    with pytest.raises(ConflictError, match="another issuer has iss"):
        issuers.declare(replace(ISSUER, name="b"), ())
    with pytest.raises(ConflictError):
        issuers.remove("corp", expected=seen)
    issuers.remove("corp")
    with pytest.raises(NotFoundError):
        issuers.remove("corp")
    for number in range(MAX_ISSUERS):
        issuers.declare(replace(ISSUER, name=f"i{number:02}", issuer=f"https://{number}.example/"), ())
    with pytest.raises(ConflictError, match="there are 50 issuers"):
        issuers.declare(replace(ISSUER, name="more"), ())
    assert [each.spec.name for each in issuers.list()] == sorted(f"i{number:02}" for number in range(MAX_ISSUERS))


def test_the_log_is_asked_by_what_happened_to_whom_and_when(database: Database) -> None:
    log = Audit(database)
    assert log.last() == 0
    for at, (name, action) in enumerate(
        [("vision/a", "created"), ("vision/b", "created"), ("text_1/a", "deleted"), ("textX1/a", "x")]
    ):
        log.add(ANN, float(at), action=action, kind="Route", name=name)
    assert log.last() == 4

    def found(**asked: object) -> list[str]:
        return [each.name for each in log.following(AuditQuery(**asked))]  # type: ignore[arg-type]

    assert found() == ["vision/a", "vision/b", "text_1/a", "textX1/a"]
    assert found(project="vision") == ["vision/a", "vision/b"]
    assert found(project="text_1") == ["text_1/a"], "an underscore is one"
    assert found(action="created", name="vision/b", actor="ann", kind="Route", request_id="r-1") == ["vision/b"]
    assert found(since=1.0, until=3.0) == ["vision/b", "text_1/a"]
    assert found(after=3) == ["textX1/a"]
    assert found(most=2) == ["vision/a", "vision/b"]
    assert [each.name for each in log.newest(AuditQuery(most=2))] == ["text_1/a", "textX1/a"]
    entry = log.newest(AuditQuery(most=1))[0]
    assert (entry.actor, entry.at, entry.number) == (ANN, 3.0, 4)
