"""Runs the code blocks of one documentation page in order, as a reader would, and compares what they print.

A page is one session: a directory of its own, the blocks from top to bottom.

* ```console: lines starting with `$ ` are run by bash, the other lines are what they print. `…` stands for anything, a
  line holding only `…` for any lines; runs of spaces count as one. A command has to end with status 0.
* ```python: run by Python.
* A comment in front of a block changes that:
  `<!-- test: file NAME -->` writes the block to a file instead;
  `<!-- test: append NAME -->` adds it to one;
  `<!-- test: fails -->` the last command ends with another status than 0;
  `<!-- test: retry -->` the command is repeated until it prints what is shown;
  `<!-- test: background -->` the command runs on; the page goes on when the shown lines have appeared;
  `<!-- test: follow -->` the same, but it gets Ctrl-C as soon as they have;
  `<!-- test: interrupt -->` Ctrl-C for the background command started last, which must end with status 0;
  `<!-- test: skip, WHY -->` the block is for reading.

The ports a reader uses may be taken where this runs, so 7070, 8000 and 8080 are exchanged for free ones.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from journeys.ports import free_ports

RUN = {"console", "python"}
KNOWN = {"file", "append", "fails", "retry", "background", "follow", "interrupt", "skip", ""}
PATIENCE = 40.0
_FENCE = re.compile(r"^```(\w*)\s*$")
_COMMENT = re.compile(r"^<!-- test: (\w+),? ?(.*?) -->$")
_PORTS: tuple[str, ...] = ("7070", "8000", "8080")


class SnippetError(AssertionError):
    """A block did not do what the page says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block with the comment in front of it."""

    language: str
    text: str
    line: int
    mode: str = ""
    argument: str = ""

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Each command of a console block with the lines it should print."""
        command: list[str] = []
        printed: list[str] = []
        for line in self.text.splitlines():
            if command and command[-1].endswith("\\"):
                command.append(line.removeprefix("> "))
                continue
            if line.startswith("$ "):
                if command:
                    yield "\n".join(command), printed
                command, printed = [line[2:]], []
            else:
                printed.append(line)
        if command:
            yield "\n".join(command), printed


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page that is to be run or written."""
    found: list[Block] = []
    mode = argument = ""
    language: str | None = None
    body: list[str] = []
    start = 0
    for number, line in enumerate(page.splitlines(), 1):
        if language is not None:
            if line.startswith("```"):
                if language in RUN or mode in {"file", "append"}:
                    text = "\n".join(body) + "\n"
                    found.append(Block(language=language, text=text, line=start, mode=mode, argument=argument))
                language, mode, argument = None, "", ""
            else:
                body.append(line)
        elif match := _FENCE.match(line):
            language, body, start = match[1], [], number
        elif match := _COMMENT.match(line):
            mode, argument = match[1], match[2]
            if mode not in KNOWN:
                raise SnippetError(f"line {number}: unknown mode {mode!r}")
            if mode == "interrupt":
                found.append(Block(language="", text="", line=number, mode=mode))
                mode = ""
    return found


class Session:
    """One reader working through one page."""

    def __init__(self, directory: Path, *, variables: dict[str, str] | None = None) -> None:
        self._directory = directory
        self._state = directory / ".session"
        self._state.mkdir(parents=True)
        self._work = directory / "work"
        self._work.mkdir()
        self._ports = dict(zip(_PORTS, map(str, free_ports(len(_PORTS))), strict=True))
        self._environment = os.environ | {
            "HOME": str(directory),
            "MODELWAY_HOME": str(directory / "home"),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path("~/.cache/uv").expanduser())),
        }
        self._environment.update(variables or {})
        self._background: list[tuple[subprocess.Popen[bytes], Path]] = []

    def run(self, page: Path) -> int:
        """Run a page; the number of blocks that were run."""
        found = blocks(page.read_text(encoding="utf-8"))
        try:
            for block in found:
                try:
                    self._block(block)
                except SnippetError as error:
                    raise SnippetError(f"{page.name}:{block.line}: {error}") from None
        finally:
            while self._background:
                self._interrupt()
        return len([block for block in found if block.mode != "skip"])

    def _block(self, block: Block) -> None:
        if block.mode == "skip":
            return
        if block.mode in {"file", "append"}:
            path = self._cwd() / block.argument
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w" if block.mode == "file" else "a", encoding="utf-8") as file:
                file.write(block.text)
        elif block.mode == "interrupt":
            status = self._interrupt()
            if status:
                raise SnippetError(f"ended with status {status}")
        elif block.language == "python":
            script = self._state / "block.py"
            script.write_text(self._with_free_ports(block.text), encoding="utf-8")
            # Read from stdin, Python finds the page's own files in the working directory.
            self._command(f"python - < {shlex.quote(str(script))}", [], fails=block.mode == "fails")
        else:
            self._console(block)

    def _console(self, block: Block) -> None:
        commands = list(block.commands())
        for number, (command, expected) in enumerate(commands):
            last = number == len(commands) - 1
            if last and block.mode in {"background", "follow"}:
                self._start(command, expected)
                if block.mode == "follow":
                    self._interrupt()
            elif block.mode == "retry":
                self._retry(command, expected)
            else:
                self._command(command, expected, fails=last and block.mode == "fails")

    def _retry(self, command: str, expected: Sequence[str]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._command(command, expected)
            except SnippetError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def _command(self, command: str, expected: Sequence[str], *, fails: bool = False) -> None:
        done = subprocess.run(
            ["bash", "-c", self._script(command)],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=110,
            check=False,
        )
        printed = self._with_known_ports(done.stdout.decode("utf-8", "replace"))
        if (done.returncode != 0) != fails:
            raise SnippetError(f"$ {command}\nended with status {done.returncode}:\n{printed}")
        if expected and not matches(expected, printed):
            raise SnippetError(f"$ {command}\nprinted\n{printed}\ninstead of\n" + "\n".join(expected))

    def _start(self, command: str, expected: Sequence[str]) -> None:
        log = self._state / f"background-{time.monotonic_ns()}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", self._script(command, replace=True)],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._background.append((process, log))
        deadline = time.monotonic() + PATIENCE
        while not matches(["…", *expected, "…"], printed := self._with_known_ports(_read(log))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SnippetError(f"$ {command}\nprinted\n{printed}\ninstead of\n" + "\n".join(expected))
            time.sleep(0.05)

    def _interrupt(self) -> int:
        process, _ = self._background.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            status = process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()
        return 0 if status in {130, -signal.SIGINT} else status  # what Ctrl-C gives

    def _script(self, command: str, *, replace: bool = False) -> str:
        state = shlex.quote(str(self._state))
        cwd = shlex.quote(str(self._cwd()))
        start = f"[ -f {state}/variables ] && . {state}/variables; cd {cwd} || exit 99; set -a\n"
        if replace:  # Ctrl-C goes to the program itself, not to a shell around it
            return f"{start}exec {self._with_free_ports(command)}"
        keep = f"status=$?; pwd > {state}/cwd; declare -px > {state}/variables; exit $status"
        return f"{start}{self._with_free_ports(command)}\n{keep}"

    def _cwd(self) -> Path:
        file = self._state / "cwd"
        return Path(file.read_text(encoding="utf-8").rstrip("\n")) if file.exists() else self._work

    def _with_free_ports(self, text: str) -> str:
        """As a reader types it, but on ports that are free."""
        if re.match(r"modelway up\b", text):
            text += " --port 8000 --control-port 7070"
        elif re.match(r"modelway serve\b", text) and "--port" not in text:
            text += " --port 8080"
        return _exchange(text, self._ports)

    def _with_known_ports(self, text: str) -> str:
        return _exchange(text, {free: known for known, free in self._ports.items()})


def _exchange(text: str, ports: dict[str, str]) -> str:
    return re.sub(r"\b(" + "|".join(ports) + r")\b", lambda match: ports[match[0]], text)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return _whole_lines(file)


def _whole_lines(file: IO[bytes]) -> str:
    return file.read().decode("utf-8", "replace")


def matches(expected: Sequence[str], printed: str) -> bool:
    """Whether the output is what the page shows."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            parts = [re.escape(_squeezed(part)) for part in re.sub(r"\s*…\s*", "…", line).split("…")]
            pattern += r"[^\n]*".join(parts).strip() + r"\n"
    lines = "".join(f"{_squeezed(line)}\n" for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, lines) is not None


def _squeezed(line: str) -> str:
    return " ".join(line.split())
