"""Roles, over every method there is: a new one without a rule fails here, and so does one that lets somebody in."""

import re
from typing import Any

import pytest
from starlette.routing import Route

from modelway_platform.deploy.api.application import make_app
from modelway_platform.deploy.api.messages.methods import api_methods
from modelway_platform.deploy.api.schema.rule_pb2 import Rule
from modelway_platform.deploy.api.wire.frontier import OPEN_PATHS, SIGNED_PATHS
from modelway_platform.domain.access.api_token import token_spec
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.access.records_token import records_token
from modelway_platform.domain.identity import VersionKey

# Who may do what, written down a second time: a change of a rule has to be made in both places, on purpose.
READER = {"reader", "deployer", "other deployer", "admin"}
DEPLOYER = {"deployer", "admin"}
ANY_DEPLOYER = {"deployer", "other deployer", "admin"}
ADMIN = {"admin"}
EXPECTED = {
    Rule.Role.READER: READER,
    Rule.Role.DEPLOYER: DEPLOYER,
    Rule.Role.ANY_DEPLOYER: ANY_DEPLOYER,
    Rule.Role.ADMIN: ADMIN,
    Rule.Role.REPLICA: {"replica", "admin"},
    Rule.Role.GATEWAY: {"gateway", "admin"},
    Rule.Role.RECORDER: {"recorder", "admin"},
}
# Only looking, although it takes a body.
ASKED_BY_POST = {"QueryLogs", "AskLogs", "ExportLogs"}
# Only what a platform's own administrators are to see.
SECRETIVE = {"Tokens", "AuditLog", "Keys", "Issuers"}


@pytest.fixture(scope="module")
def secrets(steady_api: Any) -> dict[str, str]:
    tokens, keys = steady_api.parts.access.tokens, steady_api.parts.access.keys
    of = VersionKey("vision", "digits", "v1")
    made = {"replica": "replica-token-of-this-test", "recorder": records_token(steady_api.records_secret, of)}
    for name, role, projects in (
        ("admin", "admin", ()),
        ("deployer", "deployer", ("vision",)),
        ("other deployer", "deployer", ("sound",)),
        ("reader", "reader", ()),
    ):
        spec = token_spec(name=name, role=role, projects=projects)
        assert not isinstance(spec, list)
        made[name] = tokens.create(spec)[1]
    made["gateway"] = keys.create(KeySpec(name="gateway", role="gateway"))[1]
    made["caller"] = keys.create(KeySpec(name="caller", role="caller"))[1]
    return made


def filled(path: str) -> str:
    values = {"project": "vision", "model": "no-such-model", "version": "v9", "number": "4711"}
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "x"), path)


def allowed(api: Any, secrets: dict[str, str], verb: str, path: str) -> set[str]:
    """Whom it lets in: whatever the answer is then, it is not 403."""
    body: Any = {} if verb in {"POST", "PUT"} else None
    found: set[str] = set()
    for name, secret in secrets.items():
        if path.endswith((":watch", "/logs")):
            head = api.head_of_stream(path, secret)
        else:
            head = api.ask(verb, path, body, key=secret).status
        assert head not in {401, 500}, (verb, path, name, head)
        if head != 403:
            found.add(name)
    return found


def wanted_of(method: Any, binding: Any) -> set[str]:
    """Whom a path lets in that names project vision, where it names any."""
    rule = method.rule
    wanted = EXPECTED[rule.role]
    if rule.role != Rule.Role.READER:
        return wanted
    if rule.scope == Rule.Scope.BY_REQUEST:
        # Whoever is bound to projects has to name one, and theirs.
        return wanted - ({"other deployer"} if "project" in binding.variables else {"deployer", "other deployer"})
    if rule.scope == Rule.Scope.BY_ANSWER and binding.variables:
        return wanted - {"deployer", "other deployer"}  # it is not there, which they are not told
    return wanted


@pytest.mark.parametrize("method", api_methods(), ids=lambda each: each.name)
def test_a_method_lets_in_whom_its_rule_names(steady_api: Any, secrets: dict[str, str], method: Any) -> None:
    assert method.rule.role in EXPECTED, f"{method.name} has no rule"
    for binding in method.bindings:
        wanted = wanted_of(method, binding)
        assert allowed(steady_api, secrets, binding.verb, filled(binding.path)) == wanted, binding


@pytest.mark.parametrize("method", api_methods(), ids=lambda each: each.name)
def test_readers_change_nothing_and_see_no_secrets(method: Any) -> None:
    if method.bindings[0].verb != "GET" and method.short_name not in ASKED_BY_POST:
        assert method.rule.role != Rule.Role.READER, f"{method.name} changes something, so readers may not"
    if method.service.rpartition(".")[2] in SECRETIVE:
        assert method.rule.role == Rule.Role.ADMIN


def test_every_path_is_a_method_or_one_of_the_open_ones(steady_api: Any) -> None:
    """Row S13 of what is asked of this platform: a fixed list of at most six paths needs no key."""
    bound = {(binding.verb, binding.path) for method in api_methods() for binding in method.bindings}
    served: set[tuple[str, str]] = set()
    for path in make_app(steady_api.parts).routes:
        assert isinstance(path, Route)
        served |= {(verb, path.path) for verb in (path.methods or set()) - {"HEAD"}}
    assert {"/livez", "/readyz", "/metrics", "/openapi.json"} == OPEN_PATHS
    signed = "/v1/webhooks/{name}"  # the fifth: with a signature instead
    assert {path for _, path in served - bound} == OPEN_PATHS | {signed}
    assert signed.startswith(SIGNED_PATHS)
    assert bound <= served


def test_a_deployer_applies_to_its_projects_only(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    spec = token_spec(name="ci", role="deployer", projects=("vision",))
    assert not isinstance(spec, list)
    secret = api.parts.access.tokens.create(spec)[1]

    def apply(*texts: str) -> Any:
        files = [{"name": f"f{number}.yaml", "text": text} for number, text in enumerate(texts)]
        return api.ask("POST", "/v1/apply", {"files": files, "packages": uploaded}, key=secret)

    assert apply(write.deployment()).status == 200
    refused = apply(write.deployment("vision/digits/v2"), write.deployment("sound/words/v1"))
    assert (refused.status, refused.error["code"]) == (403, "forbidden")
    assert "project 'sound'" in refused.error["message"]
    cluster = "apiVersion: modelway/v1\nkind: Cluster\nmetadata: {name: here}\nspec: {operator: docker, docker: "
    cluster += "{socket: /run/d.sock, base: 'oci:b:v1', registry: 'r:5000/m'}}\n"
    assert apply(cluster).status == 403
    assert [each["metadata"]["name"] for each in api.ask("GET", "/v1/deployments").json["items"]] == [
        "vision/digits/v1"
    ]
    assert api.ask("GET", "/v1/deployments/vision/digits/v1/revisions").json["items"][0]["author"] == "ci"
    assert api.ask("DELETE", "/v1/deployments/vision/digits/v1", key=secret).status == 200


def test_a_token_is_shown_once_kept_as_a_hash_and_ends(api: Any) -> None:
    made = api.ask("POST", "/v1/tokens", {"name": "ci", "role": "reader", "expires": "1h"})
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    token = made.json
    assert api.ask("GET", "/v1/routes", key=token["secret"]).status == 200
    listed = api.ask("GET", "/v1/tokens")
    assert token["secret"].encode() not in listed.body
    assert token["secret"].encode() not in (api.root / "modelway.db").read_bytes()
    assert token["secret"].encode() not in (api.root / "modelway.db-wal").read_bytes()
    assert listed.json["items"][0]["createdBy"] == "tester"
    assert api.ask("DELETE", f"/v1/tokens/{token['id']}").json == {"id": token["id"], "revoked": True}
    assert api.ask("GET", "/v1/routes", key=token["secret"]).status == 401
    assert api.ask("DELETE", "/v1/tokens/token-no").status == 404
    api.parts.access.tokens._clock = lambda: 0.0
    short = api.ask("POST", "/v1/tokens", {"name": "short", "role": "reader", "expires": "1s"}).json
    api.parts.access.tokens._clock = lambda: 2.0
    assert api.ask("GET", "/v1/routes", key=short["secret"]).status == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "role": "reader"},
        {"name": "a", "role": "owner"},
        {"name": "a", "role": "deployer"},
        {"name": "a", "role": "admin", "projects": ["vision"]},
        {"name": "a", "role": "deployer", "projects": ["../x"]},
        {"name": "a", "role": "deployer", "projects": ["p"] * 101},
        {"name": "a", "role": "reader", "expires": "soon"},
        {"name": "a", "role": "reader", "secret": "mine"},
    ],
)
def test_what_is_no_token(steady_api: Any, body: dict[str, Any]) -> None:
    assert steady_api.ask("POST", "/v1/tokens", body).status == 400
