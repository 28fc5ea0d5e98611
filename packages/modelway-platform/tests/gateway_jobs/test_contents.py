"""Large requests and answers, in a folder and in a bucket (moto's S3, over real HTTP)."""

import os
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from modelway_platform.gateway.jobs.stores.contents import (
    INLINE_BYTES,
    ORPHAN_SECONDS,
    Contents,
    DirectoryContents,
    delete_orphans,
    kept,
    octets_of,
)
from modelway_platform.gateway.jobs.stores.contents_s3 import S3Contents
from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError


@pytest.fixture(scope="module")
def bucket() -> Generator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
async def contents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Contents]:
    if request.param == "folder":
        yield DirectoryContents(tmp_path / "jobs")
        return
    endpoint = request.getfixturevalue("bucket")
    made = S3Contents("jobs", endpoint=endpoint, region="us-east-1", access_key_id="a", secret_access_key="s")
    await _make_bucket(endpoint)
    yield made


async def _make_bucket(endpoint: str) -> None:
    import http.client  # noqa: PLC0415 - for this one request
    from urllib.parse import urlsplit  # noqa: PLC0415 - as above

    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=10)
    connection.request(
        "PUT", "/jobs", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/x"}
    )
    assert connection.getresponse().status in {200, 409}
    connection.close()


async def test_what_is_put_is_got_until_it_is_deleted(contents: Contents) -> None:
    data = os.urandom(300_000)
    name = await contents.put(data)
    assert await contents.put(data) != name
    assert await contents.get(name) == data
    await contents.delete(name)
    await contents.delete(name)
    with pytest.raises(JobsUnavailableError):
        await contents.get(name)


async def test_only_large_ones_lie_apart(contents: Contents) -> None:
    small = await kept(contents, b"x" * INLINE_BYTES)
    large = await kept(contents, b"x" * (INLINE_BYTES + 1))
    assert (small.blob, small.size, large.data, large.size) == ("", INLINE_BYTES, b"", INLINE_BYTES + 1)
    assert await octets_of(contents, large) == b"x" * (INLINE_BYTES + 1)


async def test_names_by_age(contents: Contents) -> None:
    name = await contents.put(b"x")
    assert name in await contents.names_before(time.time() + 5)
    assert name not in await contents.names_before(time.time() - 3600)


async def test_orphans_go_once_they_are_old(tmp_path: Path) -> None:
    contents = DirectoryContents(tmp_path)
    orphan, used, fresh = [await contents.put(b"x") for _ in range(3)]
    old = time.time() - ORPHAN_SECONDS - 1
    for name in (orphan, used):
        os.utime(tmp_path / name, (old, old))
    assert await delete_orphans(contents, {used}) == 1
    assert sorted(os.listdir(tmp_path)) == sorted([used, fresh])  # noqa: PTH208 - two names


async def test_a_name_leads_nowhere_else(tmp_path: Path) -> None:
    contents = DirectoryContents(tmp_path / "jobs")
    (tmp_path / "secret-file").write_bytes(b"x")
    for name in ("../secret-file", "/etc/passwd", "..", "", "a/b"):
        with pytest.raises(JobsUnavailableError):
            await contents.get(name)


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(JobsUnavailableError) as raised:
        await DirectoryContents(tmp_path / "file").put(b"x")
    assert not raised.value.full


async def test_a_bucket_that_is_away_is_said() -> None:
    away = S3Contents(
        "jobs", endpoint="http://127.0.0.1:9", region="us-east-1", access_key_id="a", secret_access_key="s"
    )
    with pytest.raises(JobsUnavailableError):
        await away.get("0" * 32)
