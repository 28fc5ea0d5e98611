import json
import os
import subprocess
import sys
import time

import pytest

from modelway.cli.main import VERBS, main, plugin_verbs


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelway.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_help_lists_every_verb_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr()
    assert all(f"  {name} " in printed.out for name in VERBS)
    assert printed.err == ""


def test_no_arguments_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "usage: modelway COMMAND" in capsys.readouterr().out


def test_help_is_quick() -> None:
    run("--help")  # once to write byte code
    took: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        assert run("--help").returncode == 0
        took.append(time.perf_counter() - start)
    assert min(took) < 2  # 0.2 is the promise; journeys print the figure


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, json; from modelway.cli.main import main; main(['--help']); json.dump(sorted(sys.modules), sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr))
    assert not loaded & {"numpy", "uvloop", "httptools", "asyncio", "yaml", "sqlalchemy", "rich", "modelway.serving"}


def test_unknown_command_suggests_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pakage"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "did you mean `modelway package`?" in printed.err


def test_version() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("modelway 0.")


def test_wrong_usage_of_a_verb_exits_2() -> None:
    done = run("package", "--no-such-option")
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr


@pytest.mark.parametrize(
    ("option", "given", "told"),
    [
        ("--port", "80x", "80x is no port: 0 to 65535"),
        ("--port", "70000", "70000 is no port"),
        ("--workers", "0", "0 is no whole number from 1 on"),
        ("--drain-seconds", "nan", "nan is no time: 0 to 3600 seconds"),
        ("--drain-seconds", "soon", "soon is no time"),
    ],
)
def test_a_value_that_does_not_fit_is_said_in_words(option: str, given: str, told: str) -> None:
    done = run("serve", ".", option, given)
    assert done.returncode == 2
    assert told in done.stderr


def test_error_form_and_exit_code_without_colour(tmp_path: os.PathLike[str]) -> None:
    done = run("package", os.fspath(tmp_path), NO_COLOR="1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error[invalid_package]: " in done.stderr
    assert "\nhint: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["new", "check", "package"])
def test_each_verb_explains_itself_with_an_example(verb: str) -> None:
    done = run(verb, "-h")
    assert done.returncode == 0
    assert "example:\n  modelway " in done.stdout


def test_verbs_of_other_distributions_are_found() -> None:
    points = plugin_verbs()
    assert points["up"].value.startswith("modelway_platform.")


def test_reader_that_stops_reading_is_no_error() -> None:
    shell = f"{sys.executable} -m modelway.cli.main --help | head -c 1"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stderr == ""
