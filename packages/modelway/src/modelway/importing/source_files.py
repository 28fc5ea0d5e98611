"""The files of a source of unknown origin: names checked, sizes known, links refused, nothing run or unpickled."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.packaging.entry_path import check_no_collisions, path_problem, shown
from modelway.packaging.limits import Limits

CHUNK = 1024 * 1024
MAX_TEXT_BYTES = 8 * 1024 * 1024
HINT = "correct the source, or leave the file out of it."
_LEFT_OUT = frozenset({"__pycache__", "__MACOSX"})


class SourceFiles(Protocol):
    """Read access to a source, whatever it is kept in."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each regular file, by its path with `/`."""
        ...

    @property
    def left_out(self) -> tuple[str, ...]:
        """Hidden files and leavings of tools, which are not looked at."""
        ...

    def chunks(self, path: str) -> Iterator[bytes]:
        """The content of one of the files, never more than its size says."""
        ...


def read_bytes(files: SourceFiles, path: str, most: int = MAX_TEXT_BYTES) -> bytes:
    """A small file whole.

    Raises:
        NotFoundError: There is none.
        InvalidPackageError: It is larger than `most`.
    """
    if path not in files.sizes:
        raise NotFoundError(f"{shown(path)} is missing from the source", hint="add it, or correct the name.")
    if files.sizes[path] > most:
        message = f"{shown(path)}: {files.sizes[path]} bytes, at most {most} are read of such a file"
        raise InvalidPackageError(message, hint=HINT)
    return b"".join(files.chunks(path))


def read_text(files: SourceFiles, path: str, most: int = MAX_TEXT_BYTES) -> str:
    """A small UTF-8 file whole; raises as `read_bytes` does, and where it is no text."""
    try:
        return read_bytes(files, path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidPackageError(f"{shown(path)}: not UTF-8 text ({error.reason})", hint=HINT) from error


def is_left_out(path: str) -> bool:
    """Whether the path is hidden or a leaving of tools."""
    parts = path.split("/")
    hidden = any(part in _LEFT_OUT or (part.startswith(".") and part not in {".", ".."}) for part in parts)
    return hidden or path.endswith(".pyc")


def check_names(sizes: Mapping[str, int], limits: Limits) -> None:
    """Refuses paths that could not be in a package, and more than a package may hold.

    Raises:
        InvalidPackageError: The message names the file.
    """
    if len(sizes) > limits.entries:
        message = f"the source has {len(sizes)} files, at most {limits.entries} are allowed"
        raise InvalidPackageError(message, hint="name the folder of the one model.")
    for path, size in sizes.items():
        problem = path_problem(path) or path_problem(f"files/model/{path}")
        if problem:
            raise InvalidPackageError(f"{shown(path)}: {problem}", hint=HINT)
        if size > limits.file_bytes:
            message = f"{shown(path)}: {size} bytes, at most {limits.file_bytes} are allowed"
            raise InvalidPackageError(message, hint=HINT)
    if sum(sizes.values()) > limits.total_bytes:
        message = f"the source's files have {sum(sizes.values())} bytes, at most {limits.total_bytes} are allowed"
        raise InvalidPackageError(message, hint=HINT)
    check_no_collisions(sizes)


class FolderFiles:
    """The files below a folder.

    Args:
        folder: Where they are.
        limits: What the source may ask for.

    Raises:
        InvalidPackageError: A link, a device, a name that cannot be in a package, or too much.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._folder = folder
        sizes: dict[str, int] = {}
        left_out: list[str] = []
        most = (limits or Limits()).entries
        for path, status in _walk(folder):
            if is_left_out(path):
                left_out.append(path)
            elif not stat.S_ISREG(status.st_mode):
                what = "a link" if stat.S_ISLNK(status.st_mode) else "neither a file nor a folder"
                raise InvalidPackageError(f"{shown(path)}: is {what}", hint="put the file itself in its place.")
            else:
                sizes[path] = status.st_size
            if len(sizes) + len(left_out) > most:
                message = f"{folder}: more than {most} files"
                raise InvalidPackageError(message, hint="name the folder of the one model.")
        check_names(sizes, limits or Limits())
        self.sizes: Mapping[str, int] = MappingProxyType(dict(sorted(sizes.items())))
        self.left_out = tuple(sorted(left_out))

    def chunks(self, path: str) -> Iterator[bytes]:
        # Without following links and without waiting for a FIFO, should the folder change meanwhile.
        descriptor = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            left = self.sizes[path]
            while left and (data := file.read(min(CHUNK, left))):
                left -= len(data)
                yield data
        if left:
            raise InvalidPackageError(f"{shown(path)}: became shorter while it was read", hint="try again.")


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for here, folders, names in os.walk(folder, onerror=_raise):
        prefix = Path(here).relative_to(folder).as_posix()
        prefix = "" if prefix == "." else f"{prefix}/"
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in links and not is_left_out(name))
        for name in sorted([*names, *links]):
            yield f"{prefix}{name}", (Path(here) / name).lstat()


def _raise(error: OSError) -> None:
    raise InvalidPackageError(f"{error.filename}: {error.strerror}", hint="check its permissions.") from error
