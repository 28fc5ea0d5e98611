"""A virtual environment for each server, made once and kept in `.cache`; all hold the same numeric libraries."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.peers import NUMERIC, OURS, Peer

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".cache" / "peers"
# PyTriton's own requirement.
_OTHER_NUMERIC = {"pytriton": ("numpy==1.26.4", *NUMERIC[1:])}


class CannotInstallError(Exception):
    """An environment cannot be made here; says why."""


def binaries(peer: Peer) -> Path:
    """The folder of the environment's programs; makes the environment if need be.

    Raises:
        CannotInstallError: It cannot be made.
    """
    wanted = [*peer.requirements, *_OTHER_NUMERIC.get(peer.name, NUMERIC)]
    if peer.name == OURS:
        wanted += ["-e", f"{ROOT / 'packages' / 'modelway'}[serve,grpc]"]
    if peer.environment == "floors":
        wanted += ["-e", str(ROOT / "packages" / "modelway")]  # the messages of the protocol
    return make(peer.environment, wanted)


def make(name: str, requirements: list[str]) -> Path:
    """The programs of an environment with these requirements; makes it unless it is there.

    Raises:
        CannotInstallError: It cannot be made.
    """
    folder = ENVIRONMENTS / name
    stamp = folder / "stamp"
    own = (ROOT / "packages" / "modelway" / "pyproject.toml").read_text(encoding="utf-8")  # what ours needs may change
    mark = hashlib.sha256("\n".join([*requirements, own]).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != mark:
        print(f"bench-serving: making the environment of {name}", file=sys.stderr, flush=True)
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--python", str(folder / "bin" / "python"), *requirements)
        stamp.write_text(mark)
    return folder / "bin"


def _uv(*words: str) -> None:
    links = os.environ.get("PIP_FIND_LINKS", "")
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [str(uv), *words, "--quiet"],
        env={**os.environ, **({"UV_FIND_LINKS": links} if links else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotInstallError(done.stderr.strip()[-800:])
