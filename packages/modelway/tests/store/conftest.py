"""Stores of both kinds: a folder, and a bucket of a real S3 server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from journeys import ceph_gateway
from journeys.ceph_gateway import CephGateway

from modelway.packaging.store import Store, open_store

OpenStore = Callable[[], Store]
"""Opens the same store anew, as another process would."""


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CephGateway]:
    absent = ceph_gateway.missing()
    if absent:
        pytest.skip(f"Ceph's S3 gateway is not installed: {absent}")
    with CephGateway(tmp_path_factory.mktemp("ceph")) as gateway:
        yield gateway


@pytest.fixture(params=["folder", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    if request.param == "folder":
        return lambda: open_store(str(tmp_path / "store"), {}, make=True)
    gateway: CephGateway = request.getfixturevalue("s3")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in gateway.variables.items():
        monkeypatch.setenv(name, value)
    bucket = gateway.make_bucket()
    return lambda: open_store(f"s3://{bucket}/team", gateway.variables)
