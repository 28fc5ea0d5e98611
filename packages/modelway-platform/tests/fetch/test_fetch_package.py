"""Packages out of buckets and folders: whole and as declared, whatever the store or the link to it does."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from dataclasses import replace

import pytest
from journeys import ceph_gateway
from journeys.ceph_gateway import CephGateway
from journeys.faulty_link import Fault, FaultyLink
from journeys.package_site import ACCESS_KEY, SECRET_KEY, Site, Told

from modelway.packaging.signing import make_key_pair, read_private_key, sign_file
from modelway.packaging.store import open_store, push, push_signatures
from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.store.files.signatures import PackageSignatures

Until = Callable[[Callable[[], object]], Awaitable[None]]


def origins(site: Site) -> tuple[str, str]:
    return f"s3://{site.bucket}/team/digits/1.0.0", f"s3://{site.bucket}/archives/digits.mwpkg"


async def refused(
    site: Site, *origins: str, digest: str = "", variables: dict[str, str] | None = None
) -> PreparationError:
    told = Told()
    with pytest.raises(PreparationError) as caught:
        await site.fetcher(*origins, variables=variables).fetch(digest or site.digest, told)
    assert not site.packages.list()
    text = caught.value.message + " ".join(told.steps)
    assert SECRET_KEY not in text
    assert ACCESS_KEY not in text
    return caught.value


@pytest.mark.parametrize("form", [0, 1], ids=["version", "archive"])
async def test_it_is_in_the_package_store_afterwards(pushed: Site, form: int) -> None:
    origin, told = origins(pushed)[form], Told()
    await pushed.fetcher(origin).fetch(pushed.digest, told)
    assert pushed.packages.path(pushed.digest).read_bytes() == pushed.archive.read_bytes()
    assert pushed.packages.get(pushed.digest).size == pushed.archive.stat().st_size
    assert told.steps[0] == f"fetching {origin}"
    assert f"octets fetched from {origin}" in told.steps[-1]
    done = [mark[0] for mark in told.marks]
    assert done == sorted(done)
    assert done[-1] == told.marks[-1][1] > 2_000_000
    assert not pushed.stage()
    again = Told()
    await pushed.fetcher(origin).fetch(pushed.digest, again)
    assert again.steps == [f"{pushed.archive.stat().st_size} octets in the package store"]


async def test_out_of_a_folder_that_the_platform_declares(site: Site) -> None:
    folder = site.folder / "models"
    push(site.archive, open_store(str(folder), {}, make=True))
    origin = f"file://{folder}/digits/1.0.0"
    error = await refused(site, origin)
    assert error.reason == "PackageAccessDenied"
    assert "no store of this platform" in error.message
    (site.folder / "stores.toml").write_text(f'[[store]]\naddress = "file://{folder}"\nprojects = ["vision"]\n')
    assert "may not fetch" in (await refused(replace(site, project="speech"), origin)).message
    await site.fetcher(origin).fetch(site.digest, Told())
    assert site.packages.has(site.digest)


@pytest.mark.parametrize("form", [0, 1], ids=["version", "archive"])
async def test_what_arrived_before_the_link_was_torn_is_not_fetched_again(
    pushed: Site, link: FaultyLink, form: int
) -> None:
    link.fault = Fault(reset_after=150_000)
    error = await refused(pushed, origins(pushed)[form])
    assert (error.reason, error.within) == ("PackageNotFetched", 5.0)
    there = sum(path.stat().st_size for stage in pushed.stage() for path in stage.rglob("*") if path.is_file())
    assert there > 100_000
    link.fault, link.answered = Fault(), 0
    await pushed.fetcher(origins(pushed)[form]).fetch(pushed.digest, Told())
    assert pushed.packages.path(pushed.digest).read_bytes() == pushed.archive.read_bytes()
    assert link.answered < pushed.archive.stat().st_size - there + 100_000


async def test_a_stopped_store_is_waited_for(pushed: Site, link: FaultyLink) -> None:
    link.stop()
    error = await refused(pushed, origins(pushed)[1])
    assert (error.reason, error.within) == ("PackageNotFetched", 5.0)
    link.start()
    await pushed.fetcher(origins(pushed)[1]).fetch(pushed.digest, Told())
    assert pushed.packages.has(pushed.digest)


async def test_a_slow_store_is_not_given_up(pushed: Site, link: FaultyLink, until: Until) -> None:
    link.fault = Fault(octets_per_second=1024)
    told = Told()
    task = asyncio.create_task(pushed.fetcher(origins(pushed)[1]).fetch(pushed.digest, told))
    await until(lambda: link.answered > 3000)
    assert not task.done()
    link.fault = Fault()
    await task
    assert pushed.packages.has(pushed.digest)


async def test_broken_off_at_any_moment_it_goes_on(pushed: Site, link: FaultyLink, until: Until) -> None:
    """Cancelled again and again, as kill -9 would: what is on disk is all that is known."""
    link.fault = Fault(octets_per_second=1_500_000)
    broken_off = 0
    while not pushed.packages.has(pushed.digest):
        task = asyncio.create_task(pushed.fetcher(origins(pushed)[0]).fetch(pushed.digest, Told()))
        goal = link.answered + 300_000
        await until(lambda task=task, goal=goal: task.done() or link.answered >= goal)
        broken_off += task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert broken_off > 2
    assert pushed.packages.path(pushed.digest).read_bytes() == pushed.archive.read_bytes()


async def test_wrong_content_is_said_and_fetched_anew_once_it_is_right(pushed: Site) -> None:
    version, archive = origins(pushed)
    right = pushed.archive.read_bytes()
    pushed.put("archives/digits.mwpkg", right[:-2000] + b"x" * 2000)
    error = await refused(pushed, archive)
    assert (error.reason, error.lasting) == ("PackageDiffers", False)
    assert "declare the digest it has" in error.message
    pushed.put("archives/digits.mwpkg", right)
    await pushed.fetcher(archive).fetch(pushed.digest, Told())
    other = "sha256:" + "0" * 64
    with pytest.raises(PreparationError, match="in the store, not sha256:000"):
        await pushed.fetcher(version).fetch(other, Told())


async def test_a_blob_of_another_length_is_refused(pushed: Site) -> None:
    store = open_store(f"s3://{pushed.bucket}/team", pushed.variables)
    weights = next(key for key in _keys(store) if key.startswith("blobs/") and (store.size(key) or 0) == 2_048_000)
    pushed.put(f"team/{weights}", b"y" * 2_048_100)
    error = await refused(pushed, origins(pushed)[0])
    assert error.reason == "PackageDiffers"
    assert "2048100 octets, not 2048000" in error.message


def _keys(store: object) -> list[str]:
    import obstore  # noqa: PLC0415 - the extra's

    return [each["path"] for chunk in obstore.list(store.backend) for each in chunk]  # type: ignore[attr-defined]


async def test_what_is_not_there_is_named(pushed: Site) -> None:
    error = await refused(pushed, f"s3://{pushed.bucket}/team/digits/2.0.0")
    assert (error.reason, error.within) == ("PackageNotInStore", 60.0)
    assert "digits/2.0.0" in error.message


async def test_of_several_origins_one_that_has_it_is_enough(pushed: Site) -> None:
    await pushed.fetcher(f"s3://{pushed.bucket}/team/other/1.0.0", origins(pushed)[0]).fetch(pushed.digest, Told())
    assert pushed.packages.has(pushed.digest)


async def test_a_full_disk_is_no_fault_of_the_store(pushed: Site) -> None:
    (pushed.folder / "packages").mkdir(exist_ok=True)
    stage = pushed.folder / "packages" / f".fetching-{pushed.digest.removeprefix('sha256:')}"
    stage.mkdir()
    (stage / "archive").symlink_to("/dev/full")
    error = await refused(pushed, origins(pushed)[1])
    assert "cannot be written here" in error.message


@pytest.mark.parametrize("form", [0, 1], ids=["version", "archive"])
async def test_signatures_come_along_also_those_made_later(pushed: Site, form: int) -> None:
    key = read_private_key(make_key_pair(pushed.folder / "ada")[0])
    signatures = PackageSignatures(pushed.packages)
    await pushed.fetcher(origins(pushed)[form]).fetch(pushed.digest, Told())
    assert signatures.of(pushed.digest) == ()
    bundle, path = sign_file(pushed.archive, key, now=dt.datetime.now(dt.UTC))
    push_signatures(pushed.archive, pushed.digest, open_store(f"s3://{pushed.bucket}/team", pushed.variables))
    pushed.put("archives/digits.mwpkg.sigstore.json", path.read_bytes())
    await pushed.fetcher(origins(pushed)[form]).fetch(pushed.digest, Told())
    assert signatures.of(pushed.digest) == (), "nobody misses one"
    await replace(pushed, refused="it is not signed").fetcher(origins(pushed)[form]).fetch(pushed.digest, Told())
    assert signatures.of(pushed.digest) == (bundle,)
    pushed.packages.path(pushed.digest).unlink()
    pushed.packages.path(pushed.digest).with_suffix(".sigstore.json").unlink()
    await pushed.fetcher(origins(pushed)[form]).fetch(pushed.digest, Told())
    assert signatures.of(pushed.digest) == (bundle,)


async def test_without_origin_it_has_to_be_uploaded(site: Site) -> None:
    assert (await refused(site)).reason == "PackageMissing"


async def test_a_typo_in_the_configuration_is_named(site: Site) -> None:
    (site.folder / "stores.toml").write_text('[[store]]\naddress = "s3://b"\nproject = ["vision"]\n')
    error = await refused(site, "s3://b/team/digits/1.0.0")
    assert "unknown field 'project'" in error.message
    assert "did you mean 'projects'" in error.message


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Generator[CephGateway]:
    absent = ceph_gateway.missing()
    if absent:
        pytest.skip(f"Ceph's S3 gateway is not installed: {absent}")
    with CephGateway(tmp_path_factory.mktemp("ceph")) as gateway:
        yield gateway


async def test_keys_from_a_file_from_variables_wrong_ones_and_none(ceph: CephGateway, site: Site) -> None:
    """On the real thing: it verifies signatures, which the stand-in does not."""
    bucket, right = ceph.make_bucket(), ceph.variables
    push(site.archive, open_store(f"s3://{bucket}/team", right))
    origin = f"s3://{bucket}/team/digits/1.0.0"
    entry = f'[[store]]\naddress = "s3://{bucket}/team"\nendpoint = "{right["AWS_ENDPOINT_URL"]}"\n'
    keys, file = site.folder / "keys", site.folder / "stores.toml"

    file.write_text(entry + f'key_file = "{keys}"\n')
    assert "key file" in (await refused(site, origin)).message
    keys.write_text(f"AWS_ACCESS_KEY_ID={ceph_gateway.ACCESS_KEY}\nAWS_SECRET_ACCESS_KEY=wrong-secret-41\n")
    error = await refused(site, origin)
    assert (error.reason, error.within) == ("PackageAccessDenied", 60.0)
    assert "wrong-secret-41" not in error.message
    file.write_text(entry + "anonymous = true\n")
    assert (await refused(site, origin)).reason == "PackageAccessDenied"
    keys.write_text(f"AWS_ACCESS_KEY_ID={ceph_gateway.ACCESS_KEY}\nAWS_SECRET_ACCESS_KEY='{ceph_gateway.SECRET_KEY}'\n")
    file.write_text(entry + f'key_file = "{keys}"\n')
    await site.fetcher(origin, variables={}).fetch(site.digest, Told())
    assert site.packages.path(site.digest).read_bytes() == site.archive.read_bytes()

    site.packages.path(site.digest).unlink()
    file.write_text(entry + 'key_variables = "TEAM_"\n')
    named = {f"TEAM_{name}": value for name, value in right.items()}
    await site.fetcher(origin, variables=named).fetch(site.digest, Told())
    assert site.packages.has(site.digest)
