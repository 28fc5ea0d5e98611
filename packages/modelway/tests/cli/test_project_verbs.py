"""`new`, `check` and `package` as a modeller uses them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelway.cli.main import main
from modelway.packaging import verify


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "greeter"]) == 0
    capsys.readouterr()
    return tmp_path / "greeter"


def test_new_prints_files_and_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "greeter"]) == 0
    printed = capsys.readouterr()
    files = printed.out.splitlines()
    assert "greeter/handler.py" in files
    assert all(Path(file).is_file() for file in files)
    assert "next: cd greeter && modelway check" in printed.err
    assert len((tmp_path / "greeter" / "README.md").read_text().splitlines()) <= 10


@pytest.mark.parametrize("name", ["Greeter", "a_b", "-x", "a" * 64])
def test_new_refuses_what_cannot_be_in_a_url(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / name)]) == 1
    assert "cannot be a model's name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_new_never_overwrites(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(project)]) == 1
    assert "error[conflict]" in capsys.readouterr().err


def test_check_shows_signature_and_examples(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(project)]) == 0
    printed = capsys.readouterr()
    assert "greet     name: str, language: str (optional)" in printed.out
    assert printed.out.count("as expected") == 2
    assert "ok: greeter 1.0.0" in printed.out
    assert "answer the golden examples" in printed.err


def test_check_lists_every_problem_with_its_fix(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "examples.json").write_text(
        '[{"endpoint": "greet", "request": {"name": "Ada"}, "response": {"text": "Hi"}},'
        ' {"endpoint": "greet", "request": {"nom": "Ada"}}]'
    )
    (project / "handler.py").write_text("import msgspec, pytest\n" + (project / "handler.py").read_text())
    assert main(["check", str(project)]) == 1
    out = capsys.readouterr().out
    assert 'golden example 1 (greet): $.text: expected "Hi", got "Hello, Ada!"' in out
    assert "golden example 2 (greet): expected an answer, got error[invalid_input]" in out
    assert "handler.py imports pytest, but 'pytest' is not a dependency" in out
    assert "imports msgspec" not in out  # the SDK brings it
    assert out.count("  fix: ") >= 3
    assert "2 problems" in out


def test_check_without_a_handler_still_reports_the_rest(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "handler.py").write_text("import nowhere_to_be_found\n")
    (project / "examples.json").unlink()
    assert main(["check", str(project)]) == 1
    out = capsys.readouterr().out
    assert "nowhere_to_be_found" in out
    assert "no golden examples" in out


def test_the_new_projects_tests_pass(project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(project)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_package_prints_what_it_made(
    project: Path, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert main(["package"]) == 0
    printed = capsys.readouterr()
    made = dict(line.split(maxsplit=1) for line in printed.out.splitlines())
    assert made["package"] == "dist/greeter-1.0.0.mwpkg"
    assert made["digest"] == verify(Path(made["package"]))[1]
    assert "next: modelway serve dist/greeter-1.0.0.mwpkg" in printed.err
    assert "✓ lock the environment" in printed.err


def test_package_refuses_with_endpoint_expected_and_got(
    project: Path, wheelhouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "examples.json").write_text(
        '[{"endpoint": "greet", "request": {"name": "Ada"}, "response": {"text": 1}}]'
    )
    assert main(["package", str(project)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error[invalid_package]: 1 of 1 golden examples" in printed.err
    assert '(greet): $.text: expected 1, got "Hello, Ada!"' in printed.err
    assert "hint: " in printed.err
    assert "✗ answer the golden examples" in printed.err


def test_what_modelwayignore_names_stays_out(
    project: Path, wheelhouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "notes").mkdir()
    for name in ("notes/idea.py", "notes/kept.py", "scratch.py"):
        (project / name).write_text("")
    (project / ".modelwayignore").write_text("# mine\nnotes/*\n!notes/kept.py\n/scratch.py\n")
    assert main(["package", str(project), "--report"]) == 0
    printed = capsys.readouterr().out
    assert "code/notes/kept.py" in printed
    assert "code/notes/idea.py" not in printed
    assert "left out by .modelwayignore: notes/idea.py, scratch.py" in printed
    assert "code/scratch.py" not in printed


def test_a_profile_is_kept_in_the_manifest_and_shown(
    project: Path, wheelhouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["package", str(project), "--profile"]) == 0
    assert "PEAK MEMORY" in capsys.readouterr().out
    (point,) = verify(project / "dist" / "greeter-1.0.0.mwpkg")[0].profile
    assert (point.endpoint, point.batch_size) == ("greet", 1)
    assert point.seconds > 0
    assert 1_000_000 < point.peak_memory_bytes < 200_000_000


@pytest.mark.slow
def test_verify_answers_in_a_fresh_environment(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)  # as a person does; nothing that is found may depend on where one stands
    assert main(["package", "--verify"]) == 0, capsys.readouterr().err
    handler = project / "handler.py"
    handler.write_text("import hypothesis\n" + handler.read_text())  # installed here, but not declared
    assert main(["package", str(project)]) == 0
    assert main(["package", str(project), "--verify"]) == 1
    assert "No module named 'hypothesis'" in capsys.readouterr().err


def test_check_against_an_older_package(project: Path, wheelhouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["package", str(project)]) == 0
    older = project / "dist" / "greeter-1.0.0.mwpkg"
    assert main(["check", str(project), "--against", str(older)]) == 0
    assert "same signature as greeter 1.0.0" in capsys.readouterr().out
    handler = project / "handler.py"
    handler.write_text(handler.read_text().replace('language: str = "en"', 'language: str = "en", loud: bool = False'))
    assert main(["check", str(project), "--against", str(older)]) == 0
    assert "compatible  greet.loud  a new optional field" in capsys.readouterr().out
    handler.write_text(handler.read_text().replace("name: str", "name: str, title: str | None"))
    assert main(["check", str(project), "--against", str(older)]) == 1
    assert main(["check", str(older), "--against", str(older)]) == 0
    assert main(["check", str(older)]) == 1
    assert "error[invalid_request]" in capsys.readouterr().err
    assert main(["check", str(project), "--against", str(handler)]) == 1
    told = capsys.readouterr().err
    assert "not a package: this is a file of another kind" in told
    assert "answer the golden examples" not in told, "what cannot be compared is said before the long part"
