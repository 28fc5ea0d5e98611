"""The base image definition for CPUs: Debian 12 with its Python 3.11, made by mmdebstrap."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from modelway.errors import ConflictError, ModelwayError, UnavailableError

SUITE = "bookworm"
PYTHON = "3.11"
# libgomp1: what scikit-learn, onnxruntime and torch wheels expect of the system.
PACKAGES = ("ca-certificates", "libgomp1", "python3", "python3-venv")
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
# How to reach a mirror from here; nothing of it stays in the archive.
_PASSED_ON = frozenset({"PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"})
_SECRET = re.compile(r"//[^/@\s]+@")


def make_base(output: Path, *, mirror: str, variables: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Writes the root file system as a tar archive to `output`.

    Args:
        output: A file that does not exist yet.
        mirror: Debian mirror; empty for mmdebstrap's own choice.
        variables: Our environment, of which a fixed list is passed on.
        progress: Told what mmdebstrap does.

    Raises:
        UnavailableError: mmdebstrap is not installed.
        ConflictError: `output` exists.
        ModelwayError: It failed; most often for lack of the right to make root file systems.
    """
    program = shutil.which("mmdebstrap", path=variables.get("PATH"))
    if program is None:
        raise UnavailableError("mmdebstrap is not installed", hint="apt-get install mmdebstrap (Debian, Ubuntu)")
    if output.exists():
        raise ConflictError(f"{output} exists", hint="remove it, or give another name with -o.")
    partial = output.with_name(f".{output.name}-{os.getpid()}.tar")
    try:
        _run([program, *_arguments(partial), *([mirror] if mirror else [])], variables, progress)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _arguments(target: Path) -> list[str]:
    return [
        *("--variant=minbase", "--format=tar", f"--include={','.join(PACKAGES)}"),
        *('--aptopt=APT::Install-Recommends "false"', *(f"--dpkgopt=path-exclude={each}" for each in _LEFT_OUT)),
        # Settings for reaching the mirror belong to this machine; a mirror's address may hold credentials.
        (
            '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list "$1"/etc/hostname'
            ' "$1"/etc/resolv.conf "$1"/var/log/*.log "$1"/var/log/apt/* "$1"/var/cache/ldconfig/aux-cache'
        ),
        SUITE,
        str(target),
    ]


def _run(command: list[str], variables: Mapping[str, str], progress: Callable[[str], None]) -> None:
    # With a fixed time, the same packages give the same archive.
    environment = {name: variables[name] for name in _PASSED_ON if name in variables} | {"SOURCE_DATE_EPOCH": "0"}
    last = ""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            text = _SECRET.sub("//***@", line).strip()
            last = text or last
            if text.startswith("I: "):
                progress(text[3:].rstrip("."))
    if process.returncode != 0:
        hint = "run it as root, or as a user with subordinate ids (newuidmap) where user namespaces are allowed."
        raise ModelwayError(f"mmdebstrap failed: {last[:400]}", hint=hint)
