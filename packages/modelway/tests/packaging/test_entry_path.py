import tarfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.packaging.entry_path import path_problem
from modelway.packaging.tar_header import declared_path, declared_size, header


@given(st.text(max_size=260))
def test_what_is_allowed_stays_inside_and_reads_back(path: str) -> None:
    if path_problem(path):
        return
    assert ".." not in path.split("/")
    assert not path.startswith("/")
    assert "\0" not in path
    assert declared_path(header(path, 7)) == path


@pytest.mark.parametrize(
    "path", ["code/handler.py", "files/모델.onnx", "files/a b.bin", "files/" + "x/" * 20 + "y" * 90]
)
def test_ordinary_paths_are_allowed(path: str) -> None:
    assert path_problem(path) == ""


@pytest.mark.parametrize("size", [0, 1, 8**11 - 1, 8**11, 2**50])
def test_headers_are_what_every_tar_reads(size: int) -> None:
    block = header("files/" + "d" * 60 + "/" + "n" * 90, size)
    assert declared_size(block) == size
    with tarfile.open(fileobj=BytesIO(block + bytes(1024))) as archive:
        member = archive.next()
        assert member is not None
        assert (member.name, member.size, member.mode) == ("files/" + "d" * 60 + "/" + "n" * 90, size, 0o644)
