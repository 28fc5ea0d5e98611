"""Who may do what, and who did: issuers, keys, tokens, the audit log."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from journeys.served_api import Served

Run = Callable[..., CompletedProcess[str]]


def test_issuers(modelway: Run, served: Served, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    keys.write_text(json.dumps({"keys": [key]}))
    words = ("issuer", "set", "corp", "--issuer", "https://login", "--audience", "models", "--key-set", str(keys))
    done = modelway(*words, "--scope", "vision/*", "--require", "tenant=acme", "--algorithm", "EdDSA")
    assert done.stdout == "issuer corp set\n", done.stderr
    (shown,) = json.loads(modelway("issuer", "list", "-o", "json").stdout)["items"]
    assert (shown["keys"], shown["required"], shown["problem"]) == (
        [{"kid": "a", "kty": "OKP", "crv": "Ed25519"}],
        {"tenant": "acme"},
        "",
    )
    assert modelway("issuer", "list").stdout.splitlines()[1].split()[:4] == ["corp", "https://login", "models", "1"]
    keys.write_text(json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}))
    assert "a private or shared key" in modelway(*words).stderr
    assert "algorithms: expected" in modelway(*words, "--algorithm", "HS256").stderr
    assert "CLAIM=VALUE" in modelway(*words, "--require", "tenant").stderr
    keys.write_text("{")
    assert "is not JSON" in modelway(*words).stderr
    assert "cannot read" in modelway(*words[:-1], str(tmp_path / "none.json")).stderr
    assert modelway("issuer", "remove", "corp").stdout == "issuer corp removed\n"
    assert "no issuer corp" in modelway("issuer", "remove", "corp").stderr


@pytest.mark.usefixtures("served")
def test_keys(modelway: Run) -> None:
    secret = modelway("key", "create", "nightly").stdout.strip()
    refused = modelway("get", "routes", MODELWAY_KEY=secret)
    assert (refused.returncode, "error[forbidden]" in refused.stderr, secret in refused.stderr) == (1, True, False)
    key_id = modelway("key", "list").stdout.splitlines()[-1].split()[0]
    assert modelway("key", "revoke", key_id).returncode == 0
    unknown = modelway("get", "routes", MODELWAY_KEY=secret)
    assert "hint: give an admin key with MODELWAY_KEY" in unknown.stderr
    mistyped = modelway("get", "routes", MODELWAY_KEY=secret[:-1] + ("a" if secret[-1] != "a" else "b"))
    assert "hint: the key is mistyped" in mistyped.stderr
    assert secret[:-1] not in mistyped.stderr

    asked = ("--consumer", "batch", "--scope", "vision/*", "--expires", "90d", "--limit", "9/1s:20", "--quota", "50/1d")
    first = json.loads(modelway("key", "create", "robot", *asked, "-o", "json").stdout)
    (shown,) = [
        each for each in json.loads(modelway("key", "list", "-o", "json").stdout)["items"] if each["id"] == first["id"]
    ]
    assert (shown["consumer"], shown["scopes"], shown["lastUsedAt"]) == ("batch", ["vision/*"], None)
    assert shown["limits"] == [{"per": "key", "requests": 9, "window": "1s", "burst": 20}]
    assert shown["quotas"] == [{"per": "key", "requests": 50, "window": "1d"}]
    assert not [each for each in shown if "secret" in each or "sha256" in each]
    second = modelway("key", "rotate", first["id"], "--grace", "12h").stdout.strip()
    assert second != first["secret"]
    assert "valid until" in modelway("key", "list").stdout.splitlines()[-1]
    assert "expected" in modelway("key", "rotate", first["id"], "--grace", "soon").stderr
    assert "scope 'vision'" in modelway("key", "create", "robot", "--scope", "vision").stderr


@pytest.mark.usefixtures("served")
def test_tokens_and_the_audit_log(modelway: Run) -> None:
    made = modelway("token", "create", "ci", "--role", "deployer", "--project", "vision", "-o", "json")
    assert made.returncode == 0, made.stderr
    token = json.loads(made.stdout)
    assert (token["role"], token["projects"]) == ("deployer", ["vision"])
    listed = modelway("token", "list").stdout
    assert "deployer" in listed
    assert token["secret"] not in listed
    assert "revoked" in modelway("token", "revoke", token["id"]).stdout
    assert "revoked" in modelway("token", "list").stdout
    log = modelway("audit", "--kind", "Token").stdout.splitlines()
    assert log[0].split()[:3] == ["NUMBER", "TIME", "WHO"]
    assert "created" in log[1]
    assert "revoked: false → true" in log[2]
    (entry,) = map(json.loads, modelway("audit", "--kind", "Token", "--tail", "1", "-o", "json").stdout.splitlines())
    assert (entry["action"], entry["actor"]["name"]) == ("revoked", "admin")
    assert modelway("token", "create", "x", "--role", "deployer").returncode == 1
