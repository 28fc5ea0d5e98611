"""What is refused, and how clearly: bad packages, bad documents, hostile archives, wrong keys."""

import io
import json
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.projects import deployment, write_echo
from journeys.running_platform import MODELWAY, RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(60)]


def _modelway(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MODELWAY, *arguments], capture_output=True, text=True, timeout=55, check=False)


def test_a_package_that_cannot_answer_its_own_example_is_not_made(tmp_path: Path) -> None:
    project = write_echo(tmp_path / "project")
    wrong = [{"endpoint": "echo", "request": {"text": "hello"}, "response": {"text": "goodbye"}}]
    (project / "examples.json").write_text(json.dumps(wrong), encoding="utf-8")
    done = _modelway("package", str(project), "-o", str(tmp_path / "dist"))
    assert done.returncode == 1
    assert "error[invalid_package]" in done.stderr
    assert "golden example 1 (echo)" in done.stderr
    assert not list(tmp_path.glob("dist/*.mwpkg"))


def test_a_project_without_a_golden_example_is_refused_with_what_to_do(tmp_path: Path) -> None:
    project = write_echo(tmp_path / "project")
    (project / "examples.json").write_text("[]", encoding="utf-8")
    done = _modelway("package", str(project), "-o", str(tmp_path / "dist"))
    assert done.returncode == 1
    assert "hint:" in done.stderr


def test_check_says_what_is_wrong_before_anything_is_packaged(tmp_path: Path) -> None:
    project = write_echo(tmp_path / "project")
    handler = project / "handler.py"
    handler.write_text(
        handler.read_text(encoding="utf-8").replace("text: str, seconds", "text, seconds"), encoding="utf-8"
    )
    done = _modelway("check", str(project))
    assert done.returncode == 1
    assert "text" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_field_is_shown_with_line_caret_and_suggestion(platform: RunningPlatform, tmp_path: Path) -> None:
    document = tmp_path / "route.yaml"
    document.write_text(
        "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: bad, model: echo}\nspec:\n"
        "  versions: [{version: v1, weight: 1}]\n  timeoutSecond: 3\n",
        encoding="utf-8",
    )
    done = platform.cli("apply", "-f", str(document), status=1)
    assert "route.yaml:6:3" in done.stderr
    assert "timeoutSecond: 3" in done.stderr
    assert "^" in done.stderr
    assert "timeoutSeconds" in done.stderr.replace("timeoutSecond: 3", "")


def _route(spec: str, model: str = "b") -> str:
    return f"apiVersion: modelway/v1\nkind: Route\nmetadata: {{project: a, model: {model}}}\nspec: {spec}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: [", "invalid_document"),
        ("a: &x 1\nb: *x\n", "invalid_document"),
        (_route("{}").replace("kind: Route", "kind: Routes"), "Route"),
        (_route("{}").replace("modelway/v1", "modelway/v9"), "modelway/v1"),
        (_route("{versions: [{version: v1, weight: 1}]}", model="v2"), "v2"),
        (_route("{versions: [{version: v1, weight: -1}]}"), "weight"),
        (_route("{versions: [{version: v1, weight: 1}], access: no}"), "access"),
    ],
)
def test_bad_documents_change_nothing(platform: RunningPlatform, tmp_path: Path, text: str, expected: str) -> None:
    """A good document beside a bad one is not applied either."""
    good = tmp_path / "good.yaml"
    good.write_text(
        "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: good, model: echo}\n"
        "spec: {versions: [{version: v1, weight: 1}]}\n",
        encoding="utf-8",
    )
    bad = tmp_path / "bad.yaml"
    bad.write_text(text, encoding="utf-8")
    done = platform.cli("apply", "-f", str(good), "-f", str(bad), status=1)
    assert "bad.yaml" in done.stderr
    assert expected in done.stderr
    assert "good" not in platform.cli("get", "routes").stdout


def test_a_deployment_of_an_unknown_package_says_so(platform: RunningPlatform, tmp_path: Path) -> None:
    document = tmp_path / "deployment.yaml"
    document.write_text(deployment("none/echo/v1", "dist/missing.mwpkg"), encoding="utf-8")
    done = platform.cli("apply", "-f", str(document), status=1)
    assert "dist/missing.mwpkg" in done.stderr


def _link(archive: tarfile.TarFile) -> None:
    entry = tarfile.TarInfo("code/escape")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.addfile(entry)


def _outside(archive: tarfile.TarFile) -> None:
    entry = tarfile.TarInfo("../../outside.py")
    entry.size = 4
    archive.addfile(entry, io.BytesIO(b"evil"))


def _device(archive: tarfile.TarFile) -> None:
    entry = tarfile.TarInfo("files/null")
    entry.type = tarfile.CHRTYPE
    archive.addfile(entry)


@pytest.mark.parametrize("spoil", [_link, _outside, _device])
def test_hostile_archives_are_refused_and_leave_nothing_behind(
    platform: RunningPlatform, echo_package: Path, tmp_path: Path, spoil: Callable[[tarfile.TarFile], None]
) -> None:
    hostile = tmp_path / "hostile.mwpkg"
    shutil.copy(echo_package, hostile)
    _append(hostile, spoil)
    before = sorted(path.name for path in (platform.home / "packages").iterdir())
    status, answer = _upload(platform, hostile.read_bytes())
    assert status == 422, answer
    assert answer["error"]["code"] == "invalid_package"
    assert sorted(path.name for path in (platform.home / "packages").iterdir()) == before
    assert not (platform.home.parent / "outside.py").exists()
    assert _modelway("serve", str(hostile), "--port", "0").returncode == 1


@pytest.mark.parametrize("cut", [0, 100, 600, -600])
def test_damaged_archives_are_refused(platform: RunningPlatform, echo_package: Path, cut: int) -> None:
    status, answer = _upload(platform, echo_package.read_bytes()[:cut])
    assert status == 422, answer
    assert answer["error"]["code"] == "invalid_package"


def test_nothing_is_told_to_a_caller_without_a_good_key(platform: RunningPlatform) -> None:
    for url in (f"{platform.context['control']}/v1/deployments", f"{platform.gateway}/vision/digits/predict"):
        for key in ("", "mw_wrong"):
            status, answer = _ask(urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"}, data=b"{}"))
            assert status == 401, (url, answer)
            assert answer["error"]["code"] == "unauthenticated"


def _append(path: Path, spoil: Callable[[tarfile.TarFile], None]) -> None:
    """Add an entry to an archive without changing the others."""
    assert tarfile.is_tarfile(path), "packages are tar archives"
    with tarfile.open(path, "a") as archive:
        spoil(archive)


def _upload(platform: RunningPlatform, body: bytes) -> tuple[int, dict[str, dict[str, str]]]:
    headers = {"Authorization": f"Bearer {platform.key}", "Content-Type": "application/octet-stream"}
    return _ask(urllib.request.Request(f"{platform.context['control']}/v1/packages", data=body, headers=headers))


def _ask(request: urllib.request.Request) -> tuple[int, dict[str, dict[str, str]]]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
