"""Images that nobody needs, taken out of a real registry by the API and the command line, and nothing else."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from journeys.docker_parts import running_registry

from modelway_platform.apps.wiring.registry_pruner import RegistryPruner
from modelway_platform.apps.wiring.stores import Stores
from modelway_platform.deploy.images.content.descriptor import CONFIG, MANIFEST, Descriptor, canonical
from modelway_platform.deploy.images.registries.prune_registry import prune_registry
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp
from modelway_platform.deploy.images.registries.registry_names import DELETING, tags_of
from modelway_platform.domain.deployments.image_needs import InUse, Needs, tag_of
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.promotion import Promotion
from modelway_platform.domain.records import ReplicaRecord, ReplicaState
from modelway_platform.store.database import Database

CLUSTER = """
apiVersion: modelway/v1
kind: Cluster
metadata: {{name: box}}
spec:
  operator: docker
  docker: {{socket: /run/none.sock, base: 'oci:b:v1', registry: '{registry}/models', plainHttp: true}}
"""
NAME = "models/digits"


@dataclass(frozen=True)
class Platform:
    """The API over a registry, with images of all packages."""

    api: Any
    port: int
    registry: str
    repository: Repository
    packages: tuple[str, ...]
    digests: tuple[str, ...]

    def prune(self, body: Any) -> list[dict[str, Any]]:
        answer = self.api.ask("POST", "/v1/images:prune", body)
        assert answer.status == 200, answer.body
        return [json.loads(line) for line in answer.body.splitlines() if line]

    def left(self) -> set[str]:
        return set(tags_of(self.repository))


def push(repository: Repository, tag: str, text: str, folder: Path) -> str:
    """An image that differs from others by its configuration; its digest."""
    config = json.dumps({"config": {"Labels": {"for": text}}}).encode()
    blob = Descriptor(media_type=CONFIG, digest=f"sha256:{hashlib.sha256(config).hexdigest()}", size=len(config))
    (folder / "blob").write_bytes(config)
    if not repository.has(blob):
        repository.upload(blob, folder / "blob", repository.mount(blob), lambda _: None)
    manifest = canonical({"schemaVersion": 2, "mediaType": MANIFEST, "config": blob.to_json(), "layers": []})
    repository.put_manifest(manifest, MANIFEST, tag)
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


@contextmanager
def running_platform(
    api: Any, write: Any, make_package: Any, tmp_path: Path, serve: Any, *, deletes: bool
) -> Generator[Platform]:
    """Four revisions of one deployment, each with another package, all of whose images are in the registry."""
    with (
        running_registry(tmp_path, deletes=deletes) as registry,
        Database.open(api.root / "modelway.db") as database,
    ):
        stores = Stores.over(database, api.parts.declared.documents, api.parts.watching.changes.notify)
        pruner = RegistryPruner(stores=stores, packages=api.parts.packages.store)
        http = RegistryHttp(host=registry, plain_http=True)
        repository = Repository(http=http, name=NAME, actions="pull,push")
        assert api.apply(CLUSTER.format(registry=registry)).status == 200
        packages = tuple(
            api.ask("POST", "/v1/packages", make_package(version=f"1.{number}")).json["digest"] for number in range(4)
        )
        digests = tuple(push(repository, tag_of(each), each, tmp_path) for each in packages)
        for each in packages:
            text = write.deployment("vision/digits/v1", spec="cluster: box")
            assert api.apply(text, packages={"dist/a.mwpkg": each}).status == 200
        parts = replace(api.parts, packages=replace(api.parts.packages, images=pruner))
        with serve(parts) as port:
            yield Platform(replace(api, port=port), port, registry, repository, packages, digests)


@pytest.fixture
def run(api: Any, write: Any, make_package: Any, serve: Any, tmp_path: Path) -> Callable[..., Any]:
    folder = tmp_path / "parts"
    folder.mkdir()
    return lambda *, deletes=True: running_platform(api, write, make_package, folder, serve, deletes=deletes)


def test_only_what_nobody_needs_goes(run: Callable[..., Any], tmp_path: Path) -> None:
    with run() as platform:
        push(platform.repository, "release", "named by hand", tmp_path)
        push(platform.repository, "a" * 32, "of another platform", tmp_path)
        replica = ReplicaRecord(
            id="r1",
            key=VersionKey("vision", "digits", "v1"),
            revision=1,
            package=platform.packages[0],
            state=ReplicaState.DRAINING,
            placement={"environment": f"{platform.registry}/{NAME}@{platform.digests[0]}"},
            restarts=0,
            started_at=0,
        )
        platform.api.replicas.save(replica)
        promotions = platform.api.parts.declared.promotions
        assert promotions is not None
        promotions.ask(
            Promotion(
                deployment="vision/digits/v1",
                from_stage="",
                to_stage="production",
                package=platform.packages[1],
                revision=2,
                promoter="ada",
                created_at=0,
            )
        )
        everything = platform.left()
        usual = platform.prune({})
        assert {each["outcome"] for each in usual} == {"kept"}, "all of them were declared today"
        tried = platform.prune({"revisions": 1, "days": 0, "dryRun": True})
        assert platform.left() == everything
        done = platform.prune({"revisions": 1, "days": 0})
        assert [each["outcome"].replace("would be ", "") for each in tried] == [each["outcome"] for each in done]
        gone = {each["package"]: each for each in done if each["outcome"] == "deleted"}
        assert set(gone) == {platform.packages[2]}
        assert platform.left() == everything - {tag_of(each) for each in gone}
        reasons = {each["image"].partition("@")[2]: each["reason"] for each in done}
        assert reasons[platform.digests[0]] == "a replica runs it"
        assert reasons[platform.digests[1]] == "promotion 1 moves it"
        assert reasons[platform.digests[3]] == "vision/digits/v1 is deployed"
        assert platform.prune({"revisions": 1, "days": 0, "cluster": "box"})[0]["outcome"] == "kept"
        entries = platform.api.ask("GET", "/v1/audit?kind=Image").json["items"]
        assert sorted(each["name"] for each in entries) == sorted(each["image"] for each in gone.values())
        assert {(each["action"], each["actor"]["name"]) for each in entries} == {("deleted", "tester")}


def test_what_is_wanted_meanwhile_stays(run: Callable[..., Any]) -> None:
    with run() as platform:
        everything = platform.left()
        known = {tag_of(each): each for each in platform.packages}
        free = Needs(in_use=InUse(packages={}), known=known)
        wanted = Needs(in_use=InUse(packages=dict.fromkeys(platform.packages, "somebody applied it")), known=known)
        seen = iter([free, wanted, wanted, free, wanted])
        pruned = list(prune_registry([replace(platform.repository, actions=DELETING)], lambda: next(seen)))
        assert [each.outcome for each in pruned].count("deleted") == 1
        assert [each.verdict.why for each in pruned].count("somebody applied it") == 3
        assert len(everything - platform.left()) == 1


def test_a_registry_that_deletes_nothing_is_told_in_words_and_so_are_wrong_wishes(run: Callable[..., Any]) -> None:
    with run(deletes=False) as platform:
        everything = platform.left()
        (error,) = [each["error"] for each in platform.prune({"revisions": 1, "days": 0}) if "error" in each]
        assert error["code"] == "registry_keeps_images"
        assert "405" in error["message"]
        assert "delete" in error["hint"]
        assert platform.left() == everything
        assert platform.prune({"cluster": "nowhere"})[-1]["error"]["code"] == "not_found"
        api = platform.api
        for wrong in ({"revisions": 0}, {"days": -1}, {"days": "NaN"}):
            assert api.ask("POST", "/v1/images:prune", wrong).status == 400, wrong


def test_the_command_line_says_what_went(run: Callable[..., Any], tmp_path: Path) -> None:
    with run() as platform:

        def prune(*words: str) -> subprocess.CompletedProcess[str]:
            environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_COLOR": "1"}
            environment |= {"MODELWAY_URL": f"http://127.0.0.1:{platform.port}", "MODELWAY_KEY": platform.api.key}
            command = [sys.executable, "-m", "modelway.cli.main", "image", "prune-registry", *words]
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

        tried = prune("--revisions", "2", "--days", "0", "--dry-run")
        assert tried.returncode == 0, tried.stderr
        assert tried.stdout.count("would be deleted") == 2
        done = prune("--revisions", "2", "--days", "0", "-o", "json")
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert sorted(each["outcome"] for each in told) == ["deleted", "deleted", "kept", "kept"]
        assert "2 images deleted, 2 stay" in done.stderr
        assert platform.left() == {tag_of(each) for each in platform.packages[2:]}
        refused = prune("--cluster", "nowhere")
        assert refused.returncode == 1
        assert "error[not_found]: there is no cluster nowhere" in refused.stderr
