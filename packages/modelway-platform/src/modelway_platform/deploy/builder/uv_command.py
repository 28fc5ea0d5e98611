"""Runs uv with just the environment it needs, and says in plain words what it complains about."""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from modelway_platform.deploy.builder.failure import PreparationError

_PASSED_ON = frozenset(
    {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NETRC"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    | {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)
# These would weaken the lock or send uv somewhere else than to the environment it is given.
_KEPT_BACK = frozenset({"UV_NO_VERIFY_HASHES", "UV_SYSTEM_PYTHON", "UV_PROJECT", "UV_WORKING_DIR"})
# People who set up pip for their mirror have set up uv, too.
_FROM_PIP = {
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_CERT": "SSL_CERT_FILE",
}
_LONGEST_MESSAGE = 600
_SECRET = re.compile(r"//[^/@\s]+@")
_DRAWING = re.compile(r"^[\s×╰├│─▶┬]+")  # noqa: RUF001 - uv draws its causes as a tree with these
_NETWORK = re.compile(r"failed to (fetch|download|connect)|dns error|timed out|connection refused", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class UvCommand:
    """Where uv is and what it may see.

    Args:
        path: The program.
        environment: Its whole environment (see `uv_environment`).
        limit_seconds: How long one call may take.
    """

    path: str
    environment: Mapping[str, str]
    limit_seconds: float = 1800.0

    async def run(self, *arguments: str, progress: Callable[[str], None] = lambda _: None) -> None:
        """Runs `uv ARGUMENTS`; each line it prints goes to `progress`.

        Raises:
            PreparationError: It failed or took too long; nothing of it is left running.
        """
        process = await asyncio.create_subprocess_exec(
            self.path,
            *arguments,
            cwd="/",  # or it would read the settings of whatever project the caller happens to be in
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        lines: list[str] = []
        try:
            async with asyncio.timeout(self.limit_seconds):
                assert process.stderr is not None
                async for line in process.stderr:
                    lines.append(line.decode(errors="replace").rstrip())
                    progress(lines[-1].strip())
                status = await process.wait()
        except TimeoutError:
            raise PreparationError("BuildTimeout", f"uv took longer than {self.limit_seconds:.0f} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):  # and whatever it started to build from source
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if status != 0:
            raise PreparationError("BuildFailed", readable("\n".join(lines)) or f"uv exited with status {status}")


def uv_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What uv gets of our environment: its own settings, pip's where uv has none, and how to reach an index."""
    wanted = {name for name in variables if name in _PASSED_ON or name.startswith("UV_")} - _KEPT_BACK
    found = {name: variables[name] for name in sorted(wanted)}
    for pip_name, uv_name in _FROM_PIP.items():
        if variables.get(pip_name):
            # pip separates several by spaces, uv file locations by commas; UV_INDEX takes spaces.
            value = variables[pip_name]
            found.setdefault(uv_name, ",".join(value.split()) if uv_name == "UV_FIND_LINKS" else value)
    return found | {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def readable(output: str) -> str:
    """What uv complained about as one paragraph: no drawing, no credentials, what helps if it is the network."""
    lines = [_DRAWING.sub("", line) for line in _SECRET.sub("//***@", output).splitlines()]
    told = [line.strip() for line in lines if line.strip() and not line.startswith(("Using Python", "warning:"))]
    start = next((index for index, line in enumerate(told) if line.startswith("error:")), 0)
    text = re.sub(r"\s+", " ", " ".join(told[start:])).removeprefix("error: ")
    text = re.sub(r":? (cause|Caused by): ", ": ", text)
    if len(text) > _LONGEST_MESSAGE:
        text = text[: _LONGEST_MESSAGE - 1] + "…"
    if _NETWORK.search(text):
        text += " (check that the package index can be reached from here: UV_DEFAULT_INDEX, UV_FIND_LINKS, proxies)"
    return text
