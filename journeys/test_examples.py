"""The examples are complete: their tests pass, they can be packaged, and their committed locks are current."""

import subprocess
import sys
from pathlib import Path

import pytest
from journeys.running_platform import MODELWAY

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.parametrize(("project", "tests"), [("hello", 3), ("pipeline", 4)])
def test_a_project_passes_its_own_tests(project: str, tests: int) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
    done = subprocess.run(command, cwd=EXAMPLES / project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{tests} passed" in done.stdout


@pytest.mark.parametrize("project", ["hello", "pipeline", "digits/v1", "digits/v2"])
def test_example_becomes_a_package_with_the_lock_that_is_committed(project: str, tmp_path: Path) -> None:
    folder = EXAMPLES / project
    if not (folder / "examples.json").exists():
        subprocess.run([sys.executable, "-m", "examples.digits.train"], cwd=EXAMPLES.parent, check=True)
    before = (folder / "modelway.lock").read_bytes()
    done = subprocess.run(
        [MODELWAY, "package", str(folder), "-o", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "modelway.lock").read_bytes() == before, "run `modelway package` there and commit the lock"
