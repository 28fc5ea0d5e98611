"""Whose packages a project may run: policies, keys and signatures as files, changed while they are in use."""

import asyncio
import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from journeys.package_site import write_package

from modelway.errors import ConflictError, NotFoundError
from modelway.packaging.signing import make_key_pair, read_private_key, sign_file
from modelway.packaging.signing.bundle import Bundle
from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.reconcile.decision import Preparation, Stage
from modelway_platform.deploy.reconcile.gate import behind
from modelway_platform.deploy.trust.package_gate import PackageGate
from modelway_platform.deploy.trust.policy import FILE_NAME
from modelway_platform.deploy.trust.trust import Trust
from modelway_platform.deploy.trust.trusted_preparer import TrustedPreparer
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, PackageRecord
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.files.signatures import PackageSignatures

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


class Site:
    """A package in a store, two people with keys, and a policy file to write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages = PackageStore(folder / "packages")
        self.signatures = PackageSignatures(self.packages)
        self.archive = write_package(folder / "project", weights=b"w" * 1000)
        with self.archive.open("rb") as file:
            self.digest = self.packages.add(file)
        for name in ("ada", "eve"):
            make_key_pair(folder / name)
        self.now = NOW
        self.trust = Trust(folder / FILE_NAME, self.signatures, lambda: self.now)

    def policy(self, text: str) -> None:
        path = self.folder / FILE_NAME
        path.write_text(text)
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))

    def sign(self, name: str, days: float | None = None) -> Bundle:
        key = read_private_key(self.folder / f"{name}.key")
        valid = dt.timedelta(days=days) if days is not None else None
        bundle, path = sign_file(self.archive, key, now=self.now, valid=valid)
        path.unlink()
        return bundle


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_without_policy_everything_goes(site: Site) -> None:
    assert site.trust.refusal("vision", site.digest) == ""


def test_required_of_one_project_is_not_asked_of_another(site: Site) -> None:
    site.policy('[[policy]]\nprojects = ["vision"]\nkeys = ["ada.pub"]\n')
    assert "is not signed" in site.trust.refusal("vision", site.digest)
    assert site.trust.refusal("speech", site.digest) == ""
    assert "is not signed" in site.trust.refused_by_all(["vision"], site.digest)
    assert site.trust.refused_by_all(["vision", "speech"], site.digest) == ""
    site.signatures.add(site.digest, site.sign("eve"))
    assert "is not trusted here" in site.trust.refusal("vision", site.digest)
    site.signatures.add(site.digest, site.sign("ada"))
    assert site.trust.refusal("vision", site.digest) == ""


def test_optional_lets_unsigned_pass_and_refuses_what_is_forged(site: Site) -> None:
    site.policy('[[policy]]\nrequired = false\nkeys = ["ada.pub"]\n')
    assert site.trust.refusal("vision", site.digest) == ""
    site.signatures.add(site.digest, site.sign("eve"))
    assert site.trust.refusal("vision", site.digest) == ""
    good = site.sign("ada")
    forged = Bundle(key_id=good.key_id, payload=good.payload, signature=bytes(64), statement=good.statement)
    site.signatures.add(site.digest, forged)
    assert "forged" in site.trust.refusal("vision", site.digest)


def test_a_signature_that_ends_ends_the_right(site: Site) -> None:
    site.policy('[[policy]]\nkeys = ["ada.pub"]\n')
    site.signatures.add(site.digest, site.sign("ada", days=1))
    assert site.trust.refusal("vision", site.digest) == ""
    site.now += dt.timedelta(days=1, seconds=1)
    assert "counted until" in site.trust.refusal("vision", site.digest)


def test_a_key_taken_away_takes_the_right(site: Site) -> None:
    site.policy('[[policy]]\nkeys = ["ada.pub", "eve.pub"]\n')
    site.signatures.add(site.digest, site.sign("eve"))
    assert site.trust.refusal("vision", site.digest) == ""
    site.policy('[[policy]]\nkeys = ["ada.pub"]     \n')
    assert "not trusted" in site.trust.refusal("vision", site.digest)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[policy]]\nkeys = []\n", "name at least one .pub file"),
        ('[[policy]]\nkeys = ["nobody.pub"]\n', "No such file"),
        ('[[policy]]\nkeys = ["ada.key"]\n', "not a public key"),
        ('[[policy]]\nproject = ["x"]\nkeys = ["ada.pub"]\n', "unknown field 'project'"),
        ("[[policy\n", "signing.toml"),
        ('[[policy]]\nrequired = "no"\nkeys = ["ada.pub"]\n', "expected true or false"),
    ],
)
def test_a_policy_that_cannot_be_read_trusts_nobody(site: Site, text: str, words: str) -> None:
    site.policy(text)
    said = site.trust.refusal("vision", site.digest)
    assert words in said
    assert "no package is trusted" in said
    site.policy('[[policy]]\nrequired = false\nkeys = ["ada.pub"]\n')
    assert site.trust.refusal("vision", site.digest) == ""


def test_a_signature_of_another_package_is_not_kept(site: Site) -> None:
    other = write_package(site.folder / "other", weights=b"v")
    with other.open("rb") as file:
        digest = site.packages.add(file)
    with pytest.raises(ConflictError, match="the signature is of"):
        site.signatures.add(digest, site.sign("ada"))
    with pytest.raises(NotFoundError):
        site.signatures.add("sha256:" + "0" * 64, site.sign("ada"))
    assert site.signatures.add(site.digest, site.sign("ada"))
    assert not site.signatures.add(site.digest, site.signatures.of(site.digest)[0])
    assert len(site.packages.list()) == 2, "signatures are no packages"


class Recording:
    """A preparer that says what it was asked."""

    skips: dict[PhaseName, str] = {}  # noqa: RUF012 - nobody changes it

    def __init__(self) -> None:
        self.done: list[PhaseName] = []

    def is_startable(self, package: str, environment: str) -> bool:
        return False

    async def do(self, phase: PhaseName, package: str, made: str, report: Any) -> str:
        self.done.append(phase)
        return "made"


async def test_what_nobody_trusts_is_fetched_but_neither_unpacked_nor_built(site: Site) -> None:
    site.policy('[[policy]]\nkeys = ["ada.pub"]\n')
    inner = Recording()
    preparer = TrustedPreparer(inner, site.trust, lambda _: ["vision"])
    report: Any = None
    await preparer.do(PhaseName.FETCH, site.digest, "", report)
    with pytest.raises(PreparationError, match="is not signed") as caught:
        await preparer.do(PhaseName.VERIFY, site.digest, "", report)
    assert (caught.value.reason, caught.value.lasting, caught.value.within) == ("PackageNotTrusted", False, 30.0)
    assert inner.done == [PhaseName.FETCH]
    await asyncio.to_thread(site.signatures.add, site.digest, site.sign("ada"))
    assert await preparer.do(PhaseName.VERIFY, site.digest, "", report) == "made"


def record(project: str, digest: str, version: str = "v1", origin: str = "") -> DeploymentRecord:
    deployment = Deployment(key=VersionKey(project, "digits", version), package=digest, origin=origin)
    return DeploymentRecord(
        deployment=deployment, revision=1, status=DeploymentStatus(), created_at=0.0, updated_at=0.0
    )


def test_a_shared_preparation_is_no_right_to_it(site: Site) -> None:
    site.policy('[[policy]]\nprojects = ["vision"]\nkeys = ["ada.pub"]\n')
    gate = PackageGate(site.trust.refusal, site.packages).refusal
    prepared = Preparation(stage=Stage.PREPARED, reason="Built")
    assert behind(gate, record("speech", site.digest), prepared) == prepared
    refused = behind(gate, record("vision", site.digest), prepared)
    assert (refused.stage, refused.reason, refused.retry_at) == (Stage.FAILED, "PackageNotTrusted", float("inf"))
    building = Preparation(stage=Stage.BUILDING)
    assert behind(gate, record("vision", site.digest), building) == building
    site.signatures.add(site.digest, site.sign("ada"))
    assert behind(gate, record("vision", site.digest), prepared) == prepared


class OnlyPackage:
    """A store whose one package has the endpoint `predict`."""

    def has(self, digest: str) -> bool:
        return bool(digest)

    def get(self, digest: str) -> PackageRecord:
        return PackageRecord(digest=digest, name="", version="", size=0, endpoints=("predict",), added_at=0.0)


def test_a_fetched_package_may_not_name_an_endpoint_like_the_version(site: Site) -> None:
    packages: Any = OnlyPackage()
    gate = PackageGate(lambda _p, _d: "", packages).refusal
    assert gate(record("vision", site.digest, "predict", "s3://b/digits/1"))[0] == "PackageRefused"
    assert gate(record("vision", site.digest, "v1", "s3://b/digits/1")) == ("", "")
