"""Git sources from end to end but for the process: real repositories, the real follower, a real database, the REST API."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journeys.git_repository import Repository

from modelway_platform.deploy.source.applying import CommitApplier
from modelway_platform.deploy.source.follower import SourceFollower
from modelway_platform.deploy.source.looking import Looker

ONE = "vision/digits/v1"
DEPLOYMENT = f"/v1/deployments/{ONE}"
ROUTE = (
    "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: vision, model: digits}\n"
    "spec: {versions: [{version: v1, weight: 1}]}\n"
)
Turn = Callable[[], None]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "git").mkdir()
    return Repository(tmp_path / "git")


@pytest.fixture
def turn(api: Any, tmp_path: Path) -> Turn:
    """Looks at every source, due or not, as control does in time."""
    parts = api.parts
    follower = SourceFollower(
        parts.git.sources,
        parts.declared.documents,
        Looker(tmp_path / "looks", os.environ, {}),
        CommitApplier(parts.declared.documents, parts.packages.store, parts.declared.events),
        least_pause=0.0,
    )

    def look() -> None:
        for each in parts.git.sources.list():
            follower.want(each.spec.name)
        asyncio.run(follower.turn())

    return look


@pytest.fixture
def written(write: Any, uploaded: dict[str, str]) -> Callable[..., str]:
    """A deployment's document as it stands in Git: its package by digest."""

    def document(name: str = ONE, spec: str = "replicas: 1", digest: str = "") -> str:
        text: str = write.deployment(name, spec=spec)
        return text.replace("dist/a.mwpkg", digest or uploaded["dist/a.mwpkg"])

    return document


def follow(api: Any, repository: Repository, **more: Any) -> None:
    reply = api.ask("PUT", "/v1/sources/fleet", {"repository": str(repository.bare), **more})
    assert reply.status == 200, reply.body


def source(api: Any) -> dict[str, Any]:
    value: dict[str, Any] = api.ask("GET", "/v1/sources/fleet").json
    return value


def test_commits_become_what_is_declared(
    api: Any, repository: Repository, turn: Turn, written: Callable[..., str], write: Any
) -> None:
    follow(api, repository)
    first = repository.commit({"a.yaml": written(), "route.yaml": write.route("[{version: v1, weight: 1}]")}, "First")
    turn()
    told = source(api)
    assert (told["head"], told["applied"], told["problem"], told["drifted"]) == (first, first, "", [])
    assert [(each["state"], each["subject"], each["message"]) for each in told["commits"]] == [
        ("applied", "First", "2 created")
    ]
    assert {(each["kind"], each["name"]) for each in told["documents"]} == {
        ("Deployment", ONE),
        ("Route", "vision/digits"),
    }
    turn()
    assert len(source(api)["commits"]) == 1, "nothing new, nothing noted"
    second = repository.commit({"a.yaml": written(spec="replicas: 3")}, "More")
    turn()
    assert source(api)["applied"] == second
    assert api.ask("GET", DEPLOYMENT).json["spec"]["replicas"] == 3
    history = api.ask("GET", f"{DEPLOYMENT}/revisions").json["items"]
    assert [(each["author"], each["cause"]) for each in history] == [
        (f"git:fleet@{each[:12]}", f"commit {each[:12]}") for each in (first, second)
    ]
    repository.commit({"README.md": "words"}, "Words")
    turn()
    assert source(api)["commits"][0]["state"] == "unchanged"


def test_a_broken_commit_is_refused_whole_and_the_last_good_one_stays(
    api: Any, repository: Repository, turn: Turn, written: Callable[..., str]
) -> None:
    follow(api, repository)
    good = repository.commit({"a.yaml": written()})
    turn()
    bad = repository.commit({"a.yaml": written(spec="replicas: 7"), "b.yaml": "kind: Deployment\nspec: [1, 2\n"})
    turn()
    told = source(api)
    assert (told["head"], told["applied"]) == (bad, good)
    assert told["commits"][0]["state"] == "refused"
    assert told["commits"][0]["message"].startswith("b.yaml:")
    assert told["commits"][0]["details"]
    assert api.ask("GET", DEPLOYMENT).json["spec"]["replicas"] == 1
    turn()
    assert len(source(api)["commits"]) == 2, "the same refusal is noted once"
    repository.commit({"b.yaml": None})
    turn()
    assert source(api)["commits"][0]["state"] == "applied"
    assert api.ask("GET", DEPLOYMENT).json["spec"]["replicas"] == 7


def test_a_commit_is_taken_once_what_it_lacked_is_there(
    api: Any, repository: Repository, turn: Turn, written: Callable[..., str], make_package: Callable[..., bytes]
) -> None:
    follow(api, repository)
    archive = make_package(version="2.0.0")
    from hashlib import sha256  # noqa: PLC0415

    digest = "sha256:" + sha256(archive).hexdigest()
    commit = repository.commit({"a.yaml": written(digest=digest)})
    turn()
    told = source(api)
    assert told["applied"] == ""
    assert "no package" in told["commits"][0]["message"]
    assert api.ask("POST", "/v1/packages", archive).status == 201
    turn()
    assert source(api)["applied"] == commit


def test_paths_of_packages_mean_nothing_in_git(api: Any, repository: Repository, turn: Turn, write: Any) -> None:
    follow(api, repository)
    repository.commit({"a.yaml": write.deployment()})
    turn()
    assert "have to be uploaded first" in source(api)["commits"][0]["message"]


def test_what_a_commit_leaves_out_goes_unless_it_is_needed(
    api: Any, repository: Repository, turn: Turn, written: Callable[..., str], write: Any
) -> None:
    assert api.apply(written("vision/digits/manual")).status == 200
    follow(api, repository)
    repository.commit(
        {
            "one.yaml": written(),
            "two.yaml": written("vision/digits/v2"),
            "route.yaml": write.route("[{version: v1, weight: 1}, {version: v2, weight: 1}]"),
        }
    )
    turn()
    repository.commit({"two.yaml": None}, "Too early")
    turn()
    told = source(api)["commits"][0]
    assert told["state"] == "refused"
    assert "v2" in told["message"]
    assert api.ask("GET", "/v1/deployments/vision/digits/v2").json["status"]["phase"] != "Deleting"
    repository.commit({"route.yaml": write.route("[{version: v1, weight: 1}]")}, "All to one")
    turn()
    assert source(api)["commits"][0]["message"] == "1 changed, 1 deleted, 1 unchanged"
    assert api.ask("GET", "/v1/deployments/vision/digits/v2").json["status"]["phase"] == "Deleting"
    repository.commit({"route.yaml": None}, "No route")
    turn()
    assert api.ask("GET", "/v1/routes/vision/digits").status == 404
    assert api.ask("GET", "/v1/deployments/vision/digits/manual").status == 200, "never was the source's"


def test_what_is_left_out_stays_where_that_was_asked(
    api: Any, repository: Repository, turn: Turn, written: Callable[..., str]
) -> None:
    follow(api, repository, prune=False)
    repository.commit({"one.yaml": written(), "two.yaml": written("vision/digits/v2")})
    turn()
    repository.commit({"two.yaml": None})
    turn()
    assert source(api)["commits"][0]["state"] == "unchanged"
    assert api.ask("GET", "/v1/deployments/vision/digits/v2").json["status"]["phase"] != "Deleting"


@pytest.fixture(params=["report", "heal"])
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_drift(api: Any, repository: Repository, turn: Turn, written: Callable[..., str], policy: str) -> None:
    follow(api, repository, drift=policy)
    repository.commit({"a.yaml": written(), "route.yaml": ROUTE})
    turn()
    assert api.apply(written(spec="replicas: 9")).status == 200
    assert api.ask("DELETE", "/v1/routes/vision/digits").status == 200
    drifted = source(api)["drifted"]
    assert [(each["kind"], each["missing"]) for each in drifted] == [("Deployment", False), ("Route", True)]
    assert drifted[0]["changes"] == [{"path": "spec.replicas", "before": 1, "after": 9}]
    turn()
    healed = policy == "heal"
    assert bool(source(api)["drifted"]) is not healed
    assert api.ask("GET", DEPLOYMENT).json["spec"]["replicas"] == (1 if healed else 9)
    assert api.ask("GET", "/v1/routes/vision/digits").status == (200 if healed else 404)
    if healed:
        assert api.ask("GET", f"{DEPLOYMENT}/revisions").json["items"][-1]["cause"] == "drift taken back"


def test_a_source_declares_only_its_projects(
    api: Any, repository: Repository, turn: Turn, written: Callable[..., str]
) -> None:
    follow(api, repository, projects=["vision"])
    repository.commit({"a.yaml": written(), "b.yaml": written("speech/words/v1")})
    turn()
    told = source(api)["commits"][0]
    assert (told["state"], "may not declare project speech" in told["message"]) == ("refused", True)
    assert api.ask("GET", DEPLOYMENT).status == 404
    cluster = "apiVersion: modelway/v1\nkind: Cluster\nmetadata: {name: box}\nspec: {operator: docker, docker: {base: 'oci:b:v1'}}\n"
    repository.commit({"b.yaml": cluster})
    turn()
    assert "may not declare clusters" in source(api)["commits"][0]["message"]


def test_a_repository_that_goes_away_changes_nothing(
    api: Any, repository: Repository, turn: Turn, written: Callable[..., str]
) -> None:
    follow(api, repository)
    commit = repository.commit({"a.yaml": written()})
    turn()
    repository.bare.rename(repository.bare.with_name("elsewhere"))
    turn()
    told = source(api)
    assert (told["problem"], told["applied"]) == ("there is no Git repository", commit)
    assert api.ask("GET", DEPLOYMENT).status == 200


def test_set_list_sync_remove(api: Any, repository: Repository, turn: Turn, written: Callable[..., str]) -> None:
    follow(api, repository, path="deploy/", branch="main", pollSeconds=60)
    repository.commit({"deploy/a.yaml": written(), "b.yaml": "broken: ["})
    turn()
    listed = api.ask("GET", "/v1/sources").json["items"]
    assert [(each["name"], each["path"], each["pollSeconds"]) for each in listed] == [("fleet", "deploy", 60)]
    assert listed[0]["head"] == listed[0]["applied"]
    before = api.parts.watching.changes.number
    assert api.ask("POST", "/v1/sources/fleet/sync").status == 202
    assert api.parts.watching.changes.number > before
    follow(api, repository, path="deploy", branch="main", pollSeconds=30)
    assert source(api)["checkedAt"] is None
    assert len(source(api)["documents"]) == 1, "what it owns stays its own"
    assert api.ask("DELETE", "/v1/sources/fleet").status == 200
    assert api.ask("GET", DEPLOYMENT).status == 200
    for method, path in (("GET", "fleet"), ("DELETE", "fleet"), ("POST", "fleet/sync")):
        assert api.ask(method, f"/v1/sources/{path}").status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"repository": "ext::sh -c touch%20/tmp/x"},
        {"repository": "ssh://-oProxyCommand=x/y"},
        {"repository": "file:///etc"},
        {"repository": "https://user:secret@git.example.com/x"},
        {"repository": "relative/path"},
        {"repository": "http://[::1"},
        {"branch": "-x"},
        {"branch": "a..b"},
        {"path": "../up"},
        {"path": ".git"},
        {"pollSeconds": 0},
        {"pollSeconds": "soon"},
        {"drift": "ignore"},
        {"projects": ["No"]},
        {"credentials": "secret"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_cannot_be_followed_is_refused(steady_api: Any, wrong: dict[str, Any]) -> None:
    reply = steady_api.ask("PUT", "/v1/sources/fleet", {"repository": "https://git.example.com/x.git", **wrong})
    assert reply.status == 400, reply.body
    assert b"secret@" not in reply.body


def test_a_source_has_a_name_as_everything_has(steady_api: Any) -> None:
    assert steady_api.ask("PUT", "/v1/sources/No%20name", {"repository": "/srv/x.git"}).status == 400
