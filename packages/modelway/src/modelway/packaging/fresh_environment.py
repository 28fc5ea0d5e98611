"""An environment with nothing but a package's lock and the running SDK: what a replica will find."""

import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import modelway
from modelway.errors import InvalidPackageError
from modelway.packaging.lock import find_uv, uv_environment

TIMEOUT_SECONDS = 1800
# They would let the modeller's own environment shine through.
_KEPT_OUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")


@contextmanager
def fresh_environment(lock: bytes, python: str, near: Path) -> Generator[Path]:
    """The interpreter of a new environment, which is gone again afterwards.

    Args:
        lock: Requirements with hashes.
        python: The Python the lock was made for, `3.11`.
        near: A folder on a disk with room for it.

    Raises:
        InvalidPackageError: It cannot be made; the message has uv's last words.
    """
    with tempfile.TemporaryDirectory(prefix=".modelway-fresh-", dir=near) as name:
        folder = Path(name).resolve()  # whoever runs the interpreter does so from another folder
        (folder / "requirements.lock").write_bytes(lock)
        environment = {key: value for key, value in uv_environment(os.environ).items() if key not in _KEPT_OUT}
        _uv(["venv", "--quiet", "--no-project", "--python", python, str(folder / "venv")], environment)
        interpreter = folder / "venv" / "bin" / "python"
        requirements = ["--require-hashes", "--no-deps", "--quiet", "-r", str(folder / "requirements.lock")]
        _uv(["pip", "install", "--python", str(interpreter), *requirements], environment)
        _show_sdk(folder / "venv", folder / "sdk")
        yield interpreter


def _show_sdk(venv: Path, sdk: Path) -> None:
    """Makes the running SDK, and nothing beside it, importable."""
    sdk.mkdir()
    (sdk / "modelway").symlink_to(Path(modelway.__file__).parent, target_is_directory=True)
    site_packages = next(venv.glob("lib/python3*/site-packages"))
    (site_packages / "modelway-sdk.pth").write_text(f"{sdk}\n", encoding="utf-8")


def _uv(arguments: list[str], environment: dict[str, str]) -> None:
    command = [find_uv(), *arguments, "--no-progress"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise InvalidPackageError(
            f"uv did not make a fresh environment within {TIMEOUT_SECONDS} s", hint="check the network."
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-2000:]
        raise InvalidPackageError(
            f"a fresh environment cannot be made of the lock:\n{said}",
            hint="delete modelway.lock and package again; local wheels are found through UV_FIND_LINKS.",
        )
