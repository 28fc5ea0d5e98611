"""The version of Modelway before the newest change of the database's shape, installed beside this one: its own wheels, its own commands.

Built from this repository's history; where that is not at hand (a shallow clone, an archive), there is none.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.store import migrations
from modelway_platform.store.database import NEWEST_MIGRATION

ROOT = Path(__file__).resolve().parent.parent
SHAPES = Path(migrations.__file__).parent / "versions"
_PARTS = ("packages/modelway", "packages/modelway-platform")


@dataclass(frozen=True, slots=True)
class PreviousVersion:
    """An installed one.

    Args:
        command: Its `modelway`.
        commit: What it was built from.
        shape: What its database is like.
    """

    command: str
    commit: str
    shape: str


def commit_before_the_newest_shape() -> str:
    """The commit whose version knows all shapes but the newest; empty where the history is not at hand."""
    made = _git("log", "-1", "--format=%H", "--diff-filter=A", "--", str(SHAPES / f"{NEWEST_MIGRATION}.py"))
    before = f"{made}~1" if made else "HEAD"  # not committed yet
    found = _git("rev-parse", "--verify", "--quiet", f"{before}^{{commit}}")
    return found if found and _git("show", f"{found}:pyproject.toml") else ""


def install(commit: str, folder: Path) -> PreviousVersion:
    """Build the wheels of a commit and install them into an environment of their own; what they depend on is shared."""
    source, environment, wheels = folder / "source", folder / "environment", folder / "wheels"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    for part in _PARTS:
        _uv("build", "--wheel", "--out-dir", str(wheels), str(source / part))
    _uv("venv", "--python", sys.executable, str(environment))
    python = environment / "bin" / "python"
    _uv("pip", "install", "--no-deps", "--python", str(python), *map(str, sorted(wheels.glob("*.whl"))))
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    # After its own packages; what is installed there in editable form is not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    asked = "from modelway_platform.store.database import NEWEST_MIGRATION, __file__ as place; print(NEWEST_MIGRATION, place)"
    shape, place = subprocess.run(
        [str(python), "-c", asked], check=True, capture_output=True, text=True, cwd=folder
    ).stdout.split()
    assert Path(place).is_relative_to(environment), f"{place} is not the previous version's"
    return PreviousVersion(str(environment / "bin" / "modelway"), commit, shape)


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).parent / "uv"
    program = str(beside) if beside.exists() else shutil.which("uv")
    assert program, "uv is not installed"
    done = subprocess.run([program, "--offline", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _git(*arguments: str) -> str:
    """What git says; empty where it cannot."""
    if shutil.which("git") is None:
        return ""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False, env=environment
    )
    return done.stdout.strip() if done.returncode == 0 else ""
