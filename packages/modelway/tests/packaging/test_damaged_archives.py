"""Whatever happens to an archive on its way: it is refused, or it is another package and says so by its digest."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelway.errors import InvalidPackageError
from modelway.packaging import verify

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def whole(forge: Any) -> bytes:
    entries = [
        forge.entry(name=b"code/handler.py", data=b"x = 1\n"),
        forge.entry(name=b"files/w", data=bytes(range(256)) * 8),
    ]
    files = [forge.listed("code/handler.py", entries[0].data, "code"), forge.listed("files/w", entries[1].data)]
    return forge.archive(entries, files).read_bytes()


def digest_or_none(path: Path) -> str | None:
    try:
        return verify(path)[1]
    except InvalidPackageError:
        return None


@RELAXED
@given(data=st.data())
def test_changed_octets(data: st.DataObject, whole: bytes, forge: Any) -> None:
    original = verify(forge.raw(whole))[1]
    at = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.binary(min_size=1, max_size=16))
    damaged = whole[:at] + new + whole[at + len(new) :]
    digest = digest_or_none(forge.raw(damaged))
    if damaged != whole:
        assert digest != original
    manifest_ends = 512 + len(whole[512:].split(b"\0", 1)[0])
    if damaged != whole and (at < 500 or at >= manifest_ends):
        assert digest is None


@RELAXED
@given(data=st.data())
def test_cut_repeated_and_moved_pieces(data: st.DataObject, whole: bytes, forge: Any) -> None:
    start, end, to = (data.draw(st.integers(0, len(whole) // 512)) * 512 for _ in range(3))
    piece, rest = whole[start:end], whole[:start] + whole[max(start, end) :]
    for damaged in (rest, whole[:to] + piece + whole[to:], rest[:to] + piece + rest[to:]):
        if damaged != whole:
            assert digest_or_none(forge.raw(damaged)) is None


@pytest.mark.parametrize("noise", [b"", b"\0", b"\xff" * 2048, b"manifest.json" + bytes(499) + b"{}"])
def test_noise(noise: bytes, forge: Any) -> None:
    assert digest_or_none(forge.raw(noise)) is None
