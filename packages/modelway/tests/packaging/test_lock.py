from pathlib import Path

import pytest

from modelway.errors import InvalidPackageError, ModelwayError
from modelway.packaging import read_project
from modelway.packaging.lock import current_lock, find_uv, lock_environment, lock_inputs, uv_environment
from modelway.packaging.lock_text import check_lock_text


def depend(project: Path, *requirements: str) -> None:
    lines = (project / "pyproject.toml").read_text().splitlines()
    wanted = ", ".join(f'"{requirement}"' for requirement in requirements)
    lines = [f"dependencies = [{wanted}]" if line.startswith("dependencies") else line for line in lines]
    (project / "pyproject.toml").write_text("\n".join(lines))


@pytest.mark.usefixtures("wheelhouse")
def test_written_once_and_reused(project: Path) -> None:
    first = lock_environment(read_project(project))
    assert not first.reused
    served = dict.fromkeys(("httptools", "msgspec", "python-multipart", "uvloop"), "9.0")
    assert first.versions == {**served, "tinylib": "1.5"}
    assert (project / "modelway.lock").read_bytes() == first.text
    second = lock_environment(read_project(project))
    assert second.reused
    assert second.text == first.text


@pytest.mark.usefixtures("wheelhouse")
def test_written_anew_when_dependencies_change(project: Path) -> None:
    lock_environment(read_project(project))
    depend(project, "tinylib<1.5")
    assert current_lock(read_project(project)) is None
    assert lock_environment(read_project(project)).versions["tinylib"] == "1.0"


def test_names_no_place(project: Path, wheelhouse: Path) -> None:
    text = lock_environment(read_project(project)).text.decode()
    assert str(wheelhouse) not in text
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.usefixtures("wheelhouse")
def test_says_what_uv_says(project: Path) -> None:
    depend(project, "tinylib>=7")
    with pytest.raises(InvalidPackageError, match="tinylib>=7") as refused:
        lock_environment(read_project(project))
    assert "UV_INDEX_URL" in refused.value.hint
    assert not (project / "modelway.lock").exists()


@pytest.mark.usefixtures("wheelhouse")
def test_a_lock_somebody_edited_is_refused(project: Path) -> None:
    lock_environment(read_project(project))
    with (project / "modelway.lock").open("a") as lock:
        lock.write("--index-url http://example.invalid\n")
    with pytest.raises(InvalidPackageError, match=r"modelway\.lock:"):
        lock_environment(read_project(project))


def test_inputs_are_the_projects_and_the_servers_never_the_sdk(project: Path) -> None:
    depend(project, "modelway[serve]>=0.1", "numpy>=2")
    inputs = lock_inputs(read_project(project))
    assert "numpy>=2" in inputs
    assert {requirement.split(">=")[0] for requirement in inputs} >= {"msgspec", "uvloop", "httptools"}
    assert not [requirement for requirement in inputs if requirement.startswith(("modelway", "uv>"))]


def test_uv_gets_pips_wheels_unless_told_otherwise() -> None:
    assert uv_environment({"PIP_FIND_LINKS": "/a /b"})["UV_FIND_LINKS"] == "/a,/b"
    assert uv_environment({"PIP_FIND_LINKS": "/a", "UV_FIND_LINKS": "/c"})["UV_FIND_LINKS"] == "/c"
    assert uv_environment({"UV_INDEX_URL": "x"}) == {"UV_INDEX_URL": "x"}


def test_uv_is_found() -> None:
    assert Path(find_uv()).is_file()


def test_markers_and_local_versions_are_fine() -> None:
    text = (
        b"# a remark\n\n"
        b"torch==2.1+cpu ; python_full_version < '3.12' and platform_machine == 'AMD64' \\\n"
        b"    --hash=sha256:" + b"a" * 64 + b" \\\n    --hash=sha256:" + b"b" * 64 + b"\n"
    )
    assert check_lock_text(text, "x") == {"torch": "2.1+cpu"}


def test_no_uv_is_an_error_with_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "uv", None)
    with pytest.raises(ModelwayError, match="uv is needed") as missing:
        find_uv()
    assert "pip install" in missing.value.hint
