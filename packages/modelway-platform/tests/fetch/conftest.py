"""A package in a bucket of a real HTTP server, behind a link that can be made bad, and a platform's side of it."""

import asyncio
import hashlib
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from journeys.faulty_link import FaultyLink
from journeys.package_site import Site, write_package
from moto.server import ThreadedMotoServer

from modelway.packaging.store import open_store, push


@pytest.fixture(scope="session")
def moto() -> Generator[int]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    yield int(server.get_host_and_port()[1])
    server.stop()


@pytest.fixture
def link(moto: int) -> Generator[FaultyLink]:
    with FaultyLink(moto) as link:
        yield link


@pytest.fixture
def site(link: FaultyLink, moto: int, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    bucket = f"b{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]}"
    address = f"http://127.0.0.1:{moto}/{bucket}"
    with urllib.request.urlopen(urllib.request.Request(address, method="PUT"), timeout=30):
        pass
    archive = write_package(tmp_path / "project", weights=bytes(range(256)) * 8000)
    return Site(folder=tmp_path, bucket=bucket, archive=archive, port=link.port)


@pytest.fixture
def pushed(site: Site) -> Site:
    push(site.archive, open_store(f"s3://{site.bucket}/team", site.variables))
    site.put("archives/digits.mwpkg", site.archive.read_bytes())
    return site


@pytest.fixture
def until() -> Callable[..., object]:
    async def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what it waits for is not of this loop
                await asyncio.sleep(0.02)

    return wait
