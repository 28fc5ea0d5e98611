"""The base definition: what mmdebstrap is told, and what it never gets to see or to say."""

from pathlib import Path

import pytest

from modelway.errors import ModelwayError
from modelway_platform.deploy.images.bases.debian import make_base

STAND_IN = """#!/bin/sh
echo "I: fetching https://user:hunter2@mirror.example/debian..." >&2
env > "$(dirname "$0")/environment"
for each; do case "$each" in *.tar) echo tar > "$each";; esac; done
[ ! -e "$(dirname "$0")/broken" ] || { echo "E: https://user:hunter2@mirror.example: no root" >&2; exit 1; }
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "mmdebstrap").write_text(STAND_IN)
    (folder / "mmdebstrap").chmod(0o755)
    return folder


def test_it_gets_a_fixed_time_and_no_secrets(tools: Path, tmp_path: Path) -> None:
    told: list[str] = []
    variables = {"PATH": f"{tools}:/usr/bin:/bin", "AWS_SECRET_ACCESS_KEY": "hunter2"}
    make_base(tmp_path / "base.tar", mirror="", variables=variables, progress=told.append)
    assert (tmp_path / "base.tar").read_text() == "tar\n"
    seen = (tools / "environment").read_text()
    assert "SOURCE_DATE_EPOCH=0" in seen
    assert "hunter2" not in seen
    assert told == ["fetching https://***@mirror.example/debian"]


def test_a_failure_leaves_nothing_and_tells_no_secret(tools: Path, tmp_path: Path) -> None:
    (tools / "broken").touch()
    with pytest.raises(ModelwayError, match="no root") as refusal:
        make_base(tmp_path / "base.tar", mirror="", variables={"PATH": f"{tools}:/usr/bin:/bin"}, progress=print)
    assert "hunter2" not in refusal.value.message
    assert "as root" in refusal.value.hint
    assert [each.name for each in tmp_path.iterdir()] == ["tools"]


def test_a_base_that_is_there_is_not_replaced(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "base.tar").write_text("mine")
    with pytest.raises(ModelwayError, match="exists"):
        make_base(tmp_path / "base.tar", mirror="", variables={"PATH": str(tools)}, progress=print)
    assert (tmp_path / "base.tar").read_text() == "mine"
