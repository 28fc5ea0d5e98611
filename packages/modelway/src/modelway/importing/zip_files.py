"""The files of a zip archive of unknown origin: the index bounded before it is parsed, sizes and ratio before anything is unpacked."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.importing.source_files import CHUNK, check_names, is_left_out
from modelway.packaging.entry_path import path_problem, shown
from modelway.packaging.limits import Limits

# Deflate reaches 1032:1 on zeros; weights and code stay below 20:1.
MAX_RATIO = 200
RATIO_APPLIES_FROM_BYTES = 64 * 1024 * 1024
MAX_INDEX_BYTES = 16 * 1024 * 1024
HINT = "make the archive again with torch-model-archiver, from files you trust."
_END = struct.Struct("<4s4H2LH")  # APPNOTE 6.3.10, section 4.3.16
_END64_LOCATOR = struct.Struct("<4sLQL")  # section 4.3.15
_END64 = struct.Struct("<4sQ2H2L4Q")  # section 4.3.14
_ENCRYPTED = 1


class ZipFiles:
    """The files of an archive; opened for reading until `close`.

    Args:
        path: The archive.
        limits: What it may ask for.

    Raises:
        InvalidPackageError: It is no zip archive, or one that must not be unpacked; the message names the entry.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise NotFoundError(f"{path}: {error.strerror}", hint="check the path and its permissions.") from error
        try:
            self._archive = self._open()
            self._entries, self.left_out = _entries(self._archive, limits)
            sizes = {name: info.file_size for name, info in sorted(self._entries.items())}
            check_names(sizes, limits)
            _check_ratio(sum(sizes.values()), path.stat().st_size)
        except BaseException:
            self._file.close()
            raise
        self.sizes: Mapping[str, int] = MappingProxyType(sizes)

    def close(self) -> None:
        """Lets go of the file."""
        self._archive.close()
        self._file.close()

    def chunks(self, path: str) -> Iterator[bytes]:
        left = self.sizes[path]
        try:
            with self._archive.open(self._entries[path]) as entry:
                while data := entry.read(CHUNK):
                    left -= len(data)
                    if left < 0:
                        raise InvalidPackageError(f"entry {shown(path)}: longer than the archive says", hint=HINT)
                    yield data
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise InvalidPackageError(f"entry {shown(path)}: {error or 'ends too early'}", hint=HINT) from error
        if left:
            raise InvalidPackageError(f"entry {shown(path)}: shorter than the archive says", hint=HINT)

    def _open(self) -> zipfile.ZipFile:
        _check_index(self._file, self._path)
        try:
            return zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise InvalidPackageError(f"{self._path}: not a zip archive: {error}", hint=HINT) from error


def _check_index(file: IO[bytes], path: Path) -> None:
    """Bounds the memory `zipfile` takes for the central directory, which it reads whole."""
    length = file.seek(0, 2)
    start = max(0, length - _END.size - 65535)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise InvalidPackageError(f"{path}: not a zip archive", hint=HINT)
    index_bytes = _END.unpack_from(tail, at)[5]
    if index_bytes == 0xFFFFFFFF:
        index_bytes = _index_bytes_64(file, start + at)
    if index_bytes > MAX_INDEX_BYTES:
        message = f"{path}: its list of entries has {index_bytes} bytes, at most {MAX_INDEX_BYTES} are read"
        raise InvalidPackageError(message, hint=HINT)
    file.seek(0)


def _index_bytes_64(file: IO[bytes], end: int) -> int:
    file.seek(max(0, end - _END64_LOCATOR.size))
    locator = file.read(_END64_LOCATOR.size)
    if len(locator) == _END64_LOCATOR.size and locator.startswith(b"PK\x06\x07"):
        file.seek(min(_END64_LOCATOR.unpack(locator)[2], end))
        record = file.read(_END64.size)
        if len(record) == _END64.size and record.startswith(b"PK\x06\x06"):
            return int(_END64.unpack(record)[8])
    return MAX_INDEX_BYTES + 1


def _entries(archive: zipfile.ZipFile, limits: Limits) -> tuple[dict[str, zipfile.ZipInfo], tuple[str, ...]]:
    infos = archive.infolist()
    if len(infos) > limits.entries:
        message = f"the archive has {len(infos)} entries, at most {limits.entries} are allowed"
        raise InvalidPackageError(message, hint=HINT)
    found: dict[str, zipfile.ZipInfo] = {}
    left_out: list[str] = []
    for info in infos:
        # As written: zipfile itself cuts names at a zero byte.
        name = info.orig_filename
        mode = info.external_attr >> 16
        if info.is_dir():
            continue
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
            what = "a link" if stat.S_ISLNK(mode) else "no regular file"
            raise InvalidPackageError(f"entry {shown(name)}: is {what}", hint=HINT)
        if info.flag_bits & _ENCRYPTED or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise InvalidPackageError(f"entry {shown(name)}: encrypted, or packed in an unusual way", hint=HINT)
        if name in found:
            raise InvalidPackageError(f"entry {shown(name)}: is there twice", hint=HINT)
        if is_left_out(name) and not path_problem(name):
            left_out.append(name)
        else:
            found[name] = info
    return found, tuple(left_out)


def _check_ratio(total: int, packed: int) -> None:
    # Of the archive as a whole, so that entries which share their bytes are counted, too.
    if total > RATIO_APPLIES_FROM_BYTES and total > packed * MAX_RATIO:
        message = f"the archive has {packed} bytes and would unpack to {total}, more than {MAX_RATIO} times as much"
        raise InvalidPackageError(message, hint=HINT)
