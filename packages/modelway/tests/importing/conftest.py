"""An environment with the other tools in it, and real sources made by them; kept in .cache for the next run."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
INSTALL_SECONDS = 110


@dataclass(frozen=True, slots=True)
class Sources:
    """Real sources, what the originals answer, and the interpreter of the environment that made them."""

    folder: Path
    answers: dict[str, Any]
    python: Path

    def run(self, *arguments: str, cwd: Path | None = None, seconds: float = 100) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.python), "-P", *arguments], capture_output=True, text=True, check=False, cwd=cwd, timeout=seconds
        )

    def modelway(self, *arguments: str, cwd: Path) -> str:
        done = self.run("-m", "modelway.cli.main", *arguments, cwd=cwd)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def sources() -> Sources:
    wanted = hashlib.sha256(
        b"".join((HERE / name).read_bytes() for name in ("requirements.txt", "make_sources.py"))
        + (ROOT / "packages/modelway/pyproject.toml").read_bytes()
        + sys.version.encode()
    ).hexdigest()[:16]
    home = ROOT / ".cache" / "import-sources"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = home / wanted
        if not (folder / "made").is_file():
            for old in home.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _make(folder)
    answers = json.loads((folder / "sources" / "answers.json").read_text())
    return Sources(folder / "sources", answers, folder / "venv" / "bin" / "python")


def _make(folder: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    python = folder / "venv" / "bin" / "python"
    (folder / "sources").mkdir(parents=True)
    install = [uv, "pip", "install", "-q", "--python", str(python), "-r", str(HERE / "requirements.txt")]
    environment = dict(os.environ)
    if environment.get("PIP_FIND_LINKS"):
        environment.setdefault("UV_FIND_LINKS", environment["PIP_FIND_LINKS"])
    try:
        for command in (
            [uv, "venv", "-q", "--python", sys.executable, str(folder / "venv")],
            [*install, "-e", f"{ROOT / 'packages/modelway'}[serve,package,import]"],
        ):
            subprocess.run(command, check=True, capture_output=True, env=environment, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder)
        said = getattr(error, "stderr", None) or b""
        pytest.skip(f"torch-model-archiver, mlflow-skinny, mlserver cannot be installed here: {said.decode()[-300:]}")
    done = subprocess.run(
        [str(python), str(HERE / "make_sources.py"), str(folder / "sources")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    (folder / "made").touch()
