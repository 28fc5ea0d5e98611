"""Webhooks: a push is looked at once it is signed as GitHub, Gitea or GitLab sign it, and nothing else is."""

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.deploy.api.parts import GitParts
from modelway_platform.domain.access.api_token import TokenSpec
from modelway_platform.domain.sources.git_source import GitSource

PUSH = json.dumps({"ref": "refs/heads/main", "after": "c" * 40}).encode()


@pytest.fixture
def wanted(api: Any) -> list[str]:
    """The names of sources that are to be looked at."""
    names: list[str] = []
    git: GitParts = api.parts.git
    object.__setattr__(git, "want", names.append)
    git.sources.declare(GitSource(name="fleet", repository="/fleet.git"))
    return names


def secret(api: Any) -> str:
    made = api.ask("POST", "/v1/sources/fleet/webhook")
    assert (made.status, made.headers["cache-control"]) == (201, "no-store"), made.body
    assert made.json["path"] == "/v1/webhooks/fleet"
    return made.json["secret"]


def signed(key: str, body: bytes) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def notify(api: Any, headers: dict[str, str], body: bytes = PUSH, name: str = "fleet") -> Any:
    return api.ask("POST", f"/v1/webhooks/{name}", body, key=None, headers=headers)


def test_each_form_has_the_source_looked_at_and_again_does_no_harm(api: Any, wanted: list[str]) -> None:
    key = secret(api)
    forms = (
        {"X-Hub-Signature-256": f"sha256={signed(key, PUSH)}"},
        {"X-Gitea-Signature": signed(key, PUSH)},
        {"X-Gitlab-Token": key},
    )
    for headers in (*forms, forms[0]):
        heard = notify(api, headers)
        assert (heard.status, heard.json) == (202, {"name": "fleet", "looked": True})
    assert wanted == ["fleet"] * 4
    other = PUSH.replace(b"main", b"topic")
    assert notify(api, {"X-Gitea-Signature": signed(key, other)}, other).json["looked"] is False
    form = b"payload=%7B%7D"
    assert notify(api, {"X-Hub-Signature-256": f"sha256={signed(key, form)}"}, form).json["looked"] is True
    assert len(wanted) == 5


def test_what_is_not_signed_is_refused_whether_there_is_such_a_source_or_not(api: Any, wanted: list[str]) -> None:
    key = secret(api)
    answers: list[Any] = []
    for headers, body, name in (
        ({}, PUSH, "fleet"),
        ({"X-Gitlab-Token": ""}, PUSH, "fleet"),
        ({"X-Gitlab-Token": key + "x"}, PUSH, "fleet"),
        ({"X-Hub-Signature-256": f"sha256={signed(key, PUSH)}"}, PUSH + b" ", "fleet"),
        ({"X-Hub-Signature-256": f"sha1={signed(key, PUSH)}"}, PUSH, "fleet"),
        ({"X-Gitlab-Token": key}, PUSH, "other"),
        ({"Authorization": f"Bearer {api.key}"}, PUSH, "fleet"),
    ):
        refused = notify(api, headers, body, name)
        assert (refused.status, refused.error["code"]) == (401, "unauthenticated")
        answers.append(refused.error["message"])
    assert len(set(answers)) == 1
    large = b"x" * (1024 * 1024 + 1)
    assert notify(api, {"X-Gitlab-Token": key}, large).status == 413
    assert api.ask("GET", "/v1/webhooks/fleet", key=None).status == 405
    assert wanted == []


def test_a_rotated_secret_stays_valid_for_a_while_and_a_removed_one_does_not(api: Any, wanted: list[str]) -> None:
    old = secret(api)
    new = secret(api)
    assert old != new
    assert [notify(api, {"X-Gitlab-Token": each}).status for each in (old, new)] == [202, 202]
    git: GitParts = api.parts.git
    assert git.webhooks is not None
    kept = git.webhooks.find("fleet")
    assert kept is not None
    assert old not in str(kept)
    assert len(kept.nonces(kept.previous_until)) == 1, "then only the new one counts"
    assert replace(kept, previous="").nonces(0.0) == (kept.nonce,)
    newest = secret(api)
    assert [notify(api, {"X-Gitlab-Token": each}).status for each in (old, new, newest)] == [401, 202, 202]
    _, deployer = api.parts.access.tokens.create(TokenSpec(name="dora", role="deployer", projects=("vision",)))
    assert api.ask("POST", "/v1/sources/fleet/webhook", key=deployer).status == 403
    assert api.ask("POST", "/v1/sources/none/webhook").status == 404
    assert api.ask("DELETE", "/v1/sources/fleet/webhook").status == 200
    assert notify(api, {"X-Gitlab-Token": newest}).status == 401
    audited = api.ask("GET", "/v1/audit?kind=Webhook").json["items"]
    assert [each["action"] for each in audited] == ["created", "rotated", "rotated", "deleted"]
    assert newest not in json.dumps(audited)


def test_secrets_are_not_in_the_database(api: Any, wanted: list[str]) -> None:
    key = secret(api)
    root: Path = api.root
    for path in root.glob("modelway.db*"):
        assert key.encode() not in path.read_bytes()
