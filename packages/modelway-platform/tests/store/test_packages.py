"""The package store: whole and checked, or not there."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest

from modelway.errors import InvalidPackageError, ModelwayError, NotFoundError
from modelway_platform.domain.records import PackageRecord
from modelway_platform.store.files.packages import PackageStore, inspect_nothing

DATA = b"archive" * 1000
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


def inspect(path: Path) -> PackageRecord:
    if path.read_bytes() != DATA:
        raise InvalidPackageError("not this one")
    return replace(inspect_nothing(path), name="digits", version="v1", endpoints=("predict",))


def test_added_once_however_often(tmp_path: Path) -> None:
    store = PackageStore(tmp_path / "packages", inspect, clock=lambda: 5.0)
    assert store.add(io.BytesIO(DATA)) == DIGEST
    assert store.add(io.BytesIO(DATA)) == DIGEST
    assert store.path(DIGEST).read_bytes() == DATA
    (record,) = store.list()
    assert record == PackageRecord(
        digest=DIGEST, name="digits", version="v1", size=len(DATA), endpoints=("predict",), added_at=5.0
    )
    assert store.get(DIGEST) == record


def test_a_refused_one_leaves_nothing(tmp_path: Path) -> None:
    store = PackageStore(tmp_path, inspect)
    with pytest.raises(InvalidPackageError):
        store.add(io.BytesIO(b"something else"))
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_one_leaves_nothing(tmp_path: Path) -> None:
    store = PackageStore(tmp_path, inspect)
    with store.receive() as incoming:
        incoming.write(DATA[:10])
        assert store.list() == []
    assert list(tmp_path.iterdir()) == []


def test_too_large_is_refused_on_the_way(tmp_path: Path) -> None:
    store = PackageStore(tmp_path, limit=100)
    with pytest.raises(ModelwayError) as caught:
        store.add(io.BytesIO(bytes(101)))
    assert caught.value.error_code == "payload_too_large"
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_cut_off_is_removed_at_start(tmp_path: Path) -> None:
    store = PackageStore(tmp_path, inspect)
    store.add(io.BytesIO(DATA))
    (tmp_path / ".incoming-1-ab").write_bytes(b"half")
    store.discard_unfinished()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".mwpkg"]


def test_a_lost_description_is_made_again(tmp_path: Path) -> None:
    PackageStore(tmp_path, inspect).add(io.BytesIO(DATA))
    for content in (None, b"{", b"[]"):
        described = tmp_path / (DIGEST.removeprefix("sha256:") + ".json")
        described.unlink() if content is None else described.write_bytes(content)
        assert PackageStore(tmp_path, inspect).get(DIGEST).endpoints == ("predict",)


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../etc/passwd", "md5:" + "a" * 32, "sha256:" + "A" * 64])
def test_only_digests_name_packages(tmp_path: Path, digest: str) -> None:
    store = PackageStore(tmp_path)
    assert not store.has(digest)
    with pytest.raises(NotFoundError):
        store.get(digest)
    with pytest.raises(InvalidPackageError):
        store.path(digest)
