"""Samples as files: one JSON object each, named so that a listing tells their order and which of them are of a kind."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from modelway.errors import InvalidRequestError, NotFoundError

Why = Literal["singled_out", "failed", "crashed"]
SUFFIX = ".json"
_UNFINISHED = ".part"


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input.

    Args:
        time: When, in seconds since 1970.
        endpoint: What was asked.
        request_id: Under which the server's log has the traceback.
        why: `singled_out`: the others of its batch were answered without it; `failed`: it failed where it was alone, or with all
            of its batch; `crashed`: the model's process ended while it worked on it.
        error: The exception's type.
        message: What the caller was told.
        reason: The exception's text, redacted and cut.
        model: `project/model/version`, or the name of what was served.
        replica: Its id; may be empty.
        request: The fields, as JSON; unset if they are left out.
        redacted: Whether something in them was replaced.
        omitted: Why they are left out.
    """

    time: float
    endpoint: str
    request_id: str
    why: Why
    error: str
    message: str
    reason: str = ""
    model: str = ""
    replica: str = ""
    request: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    redacted: bool = False
    omitted: str = ""


class SampleFile(NamedTuple):
    """What a listing tells of a sample."""

    name: str
    size: int

    @property
    def kind(self) -> str:
        """Equal for samples of one kind of failure."""
        return self.name.split("-")[1] if self.name.count("-") > 1 else ""


def surplus(files: Iterable[SampleFile], most: int, most_bytes: int) -> list[str]:
    """Which files have to go so that no more than so many, and so many bytes, stay.

    The oldest of the most frequent kind goes first, so that one kind of failure never drives out the only sample of another.

    Args:
        files: In order of age, oldest first.
        most: How many may stay.
        most_bytes: What they may take.
    """
    kinds: dict[str, list[SampleFile]] = defaultdict(list)
    for each in files:
        kinds[each.kind].append(each)
    counts = Counter({kind: len(found) for kind, found in kinds.items()})
    sizes = Counter({kind: sum(each.size for each in found) for kind, found in kinds.items()})
    gone: list[str] = []
    while counts.total() > most or sizes.total() > most_bytes:
        heaviest = counts if counts.total() > most else sizes
        kind = max(sorted(kinds, key=lambda each: kinds[each][:1]), key=lambda each: heaviest[each])
        oldest = kinds[kind].pop(0)
        counts[kind] -= 1
        sizes[kind] -= oldest.size
        if not kinds[kind]:
            del kinds[kind], counts[kind], sizes[kind]
        gone.append(oldest.name)
    return gone


def sample_files(folder: Path) -> list[SampleFile]:
    """The samples in a folder, oldest first.

    Raises:
        OSError: It cannot be read.
    """
    found: list[SampleFile] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                with suppress(OSError):  # another process has just removed it
                    found.append(SampleFile(entry.name, entry.stat(follow_symlinks=False).st_size))
    return sorted(found)


def write_sample(folder: Path, name: str, data: bytes) -> None:
    """Write a sample, whole or not at all, for nobody's eyes but the owner's.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f".{name}{_UNFINISHED}"
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        unfinished.rename(folder / name)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise


def remove_unfinished(folder: Path, *, before: float) -> None:
    """What processes left behind that were killed while they wrote.

    Args:
        folder: Of the samples.
        before: Only files that were last written before this, in seconds since 1970.
    """
    with suppress(OSError):
        for path in folder.glob(f".*{_UNFINISHED}"):
            with suppress(OSError):
                if path.stat().st_mtime < before:
                    path.unlink()


def read_sample(folder: Path, sample_id: str) -> Sample:
    """One sample by its id.

    Raises:
        NotFoundError: There is none.
        InvalidRequestError: The file is none, or cannot be read.
    """
    hint = f"modelway quarantine list {folder}"
    if "/" in sample_id or sample_id.startswith("."):
        raise NotFoundError(f"{sample_id[:80]!r} is no id of a sample", hint=hint)
    try:
        return msgspec.json.decode((folder / f"{sample_id}{SUFFIX}").read_bytes(), type=Sample)
    except FileNotFoundError:
        raise NotFoundError(f"{folder} has no sample {sample_id[:80]}", hint=hint) from None
    except OSError as error:
        raise InvalidRequestError(f"{sample_id} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{sample_id} is no sample: {error}") from None
