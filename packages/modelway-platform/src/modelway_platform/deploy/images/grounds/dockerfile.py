"""Reads a package's Dockerfile as far as it must be known before somebody else follows it: what it builds on and reaches for.

The instructions are those of Docker's reference; heredocs, other frontends and variables in `FROM` are not taken.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelway_platform.deploy.images.content.descriptor import ImageError

BASE = "modelway-base"
MAX_BYTES = 256 * 1024
_FRONTEND = re.compile(r"#\s*(syntax|escape)\s*=", re.IGNORECASE)
_FLAG = re.compile(r"--([a-z]+)=(\S+)")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|git@", re.IGNORECASE)
_HINT = f"write FROM {BASE}: the platform's base image takes its place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: its word in capitals, what follows, and the line it begins on."""

    word: str
    rest: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """A Dockerfile that may be followed.

    Args:
        text: As it was written.
        uses_context: Whether it takes files of the package.
        outside: What it takes from elsewhere: images and addresses, each with its line.
    """

    text: str
    uses_context: bool
    outside: tuple[str, ...]

    def on(self, base: str) -> str:
        """The text with `base` where it builds on the platform's base image."""
        pattern = re.compile(rf"^(\s*FROM\s+(?:--\S+\s+)*){re.escape(BASE)}(?=\s|$)", re.IGNORECASE | re.MULTILINE)
        return pattern.sub(lambda match: match[1] + base, self.text)


def read_dockerfile(data: bytes) -> Dockerfile:
    """The Dockerfile in `data`.

    Raises:
        ImageError: It is none, or has what is not taken; the message names the line.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"Dockerfile: longer than {MAX_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ImageError("Dockerfile: not a text in UTF-8") from error
    stages: dict[str, bool] = {}  # by name or number: whether it builds on the base
    outside: list[str] = []
    uses_context, grounded = False, False
    for each in _instructions(text):
        if each.word == "FROM":
            image, name = _from(each)
            if image not in (BASE, "scratch") and image.lower() not in stages:
                outside.append(f"line {each.line}: image {image[:100]}")
            grounded = image == BASE or stages.get(image.lower(), False)
            stages[name or str(len(stages))] = grounded
        elif not stages and each.word != "ARG":
            raise ImageError(f"Dockerfile: line {each.line}: {each.word[:20]} before FROM", hint=_HINT)
        else:
            takes, reached = _reach(each, stages)
            uses_context = uses_context or takes
            outside += [f"line {each.line}: {what[:100]}" for what in reached]
    if not grounded:
        raise ImageError(f"Dockerfile: its last stage does not build on {BASE}", hint=_HINT)
    return Dockerfile(text=text, uses_context=uses_context, outside=tuple(outside))


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if _FRONTEND.match(bare) and not found and not parts:
            raise ImageError(f"Dockerfile: line {number}: frontends and escapes of one's own are not taken")
        if bare.startswith("#") or (not bare and not parts):
            continue
        start = start or number
        parts.append(bare.removesuffix("\\").rstrip())
        if bare.endswith("\\"):
            continue
        word, _, rest = " ".join(parts).partition(" ")
        if "<<" in rest and word.upper() in {"RUN", "COPY", "ADD"} and re.search(r"<<-?['\"]?[A-Za-z_]", rest):
            raise ImageError(
                f"Dockerfile: line {start}: heredocs are not taken", hint="write the lines with && and \\."
            )
        found.append(Instruction(word=word.upper(), rest=rest.strip(), line=start))
        parts, start = [], 0
    if parts:
        raise ImageError(f"Dockerfile: line {start}: it ends in the middle of an instruction")
    return found


def _from(each: Instruction) -> tuple[str, str]:
    words = [word for word in each.rest.split() if not word.startswith("--")]
    named = len(words) == 3 and words[1].upper() == "AS"
    if len(words) != 1 and not named:
        raise ImageError(f"Dockerfile: line {each.line}: FROM {each.rest[:80]!r} is not understood", hint=_HINT)
    if "$" in words[0]:
        raise ImageError(f"Dockerfile: line {each.line}: variables in FROM are not taken", hint=_HINT)
    return words[0], words[2].lower() if named else ""


def _reach(each: Instruction, stages: Mapping[str, bool]) -> tuple[bool, list[str]]:
    """Whether it takes files of the package, and what it takes from elsewhere."""
    flags = _FLAG.findall(each.rest)
    if each.word in {"COPY", "ADD"}:
        source = next((value for name, value in flags if name == "from"), "")
        if source:
            known = source.lower() in stages or (source.isdigit() and int(source) < len(stages))
            return False, [] if known else [f"image {source}"]
        remote = [word for word in each.rest.split() if each.word == "ADD" and _REMOTE.match(word.strip('[]",'))]
        return True, remote
    if each.word == "RUN":
        return _mounts([value for name, value in flags if name == "mount"], each)
    if each.word == "ONBUILD":
        raise ImageError(f"Dockerfile: line {each.line}: ONBUILD is not taken")
    return False, []


def pairs_of(words: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` words by name."""
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        found[name] = value
    return found


def _mounts(mounts: list[str], each: Instruction) -> tuple[bool, list[str]]:
    takes = False
    for mount in mounts:
        options = pairs_of(mount.split(","))
        kind, source = options.get("type", "bind"), options.get("from", "")
        if kind not in {"bind", "secret", "tmpfs"} or source:
            what = f"--mount=type={kind}" + (f",from={source}" if source else "")
            raise ImageError(
                f"Dockerfile: line {each.line}: {what[:100]} is not taken", hint="COPY --from a stage instead."
            )
        takes = takes or kind == "bind"
    return takes, []
