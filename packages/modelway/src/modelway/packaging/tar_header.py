"""The one tar header an entry of a package can have, and what is wrong with any other.

A package is a plain ustar archive, so `tar tf` lists it, but of all the archives tar allows we accept one per
manifest: regular files in the manifest's order under canonical headers. Reading is then comparing, not parsing,
and links, devices, sparse files, extended headers, odd modes or lying sizes have nowhere to hide.
"""

from collections.abc import Container

from modelway.packaging.entry_path import path_problem, shown, split_path

BLOCK = 512
TRAILER = bytes(2 * BLOCK)
_OCTAL_LIMIT = 8**11  # 8 GiB; larger sizes use the base-256 form every current tar reads
_SIZE = slice(124, 136)
_MAGIC = slice(257, 262)
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a folder entry",
    b"6": "a FIFO",
    b"x": "an extended (pax) header",
    b"g": "a global (pax) header",
    b"L": "a GNU long name",
    b"K": "a GNU long link name",
    b"S": "a sparse file",
}
_FOREIGN = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK", "a zip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x7fELF", "a program"),
    (b"#!", "a script"),
)


def header(path: str, size: int) -> bytes:
    """The header of a regular file, mode 0644, owner 0, time 0: nothing of the machine that made it."""
    split = split_path(path)
    assert split is not None, "checked by check_entry_path"
    prefix, name = split
    numbers = b"0000644\x000000000\x000000000\x00" + _size_field(size) + b"00000000000\x00"
    block = bytearray(BLOCK)
    block[0 : len(name)] = name
    block[100:148] = numbers
    block[148:156] = b"        "
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _size_field(size: int) -> bytes:
    return b"%011o\0" % size if size < _OCTAL_LIMIT else b"\x80" + size.to_bytes(11, "big")


def declared_size(block: bytes) -> int:
    """The size a header declares; -1 if it is no number."""
    field = block[_SIZE]
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.rstrip(b"\0 ")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else -1


def declared_path(block: bytes) -> str:
    """The path a header declares, however odd."""
    name, prefix = block[:100].split(b"\0")[0], block[345:500].split(b"\0")[0]
    return (prefix + b"/" + name if prefix else name).decode(errors="backslashreplace")


def padding(size: int) -> int:
    """Zero octets after an entry's content up to the next block."""
    return -size % BLOCK


def foreign_kind(start: bytes) -> str:
    """What a file that begins with `start` is instead of a package, if that is easy to tell."""
    known = next((kind for magic, kind in _FOREIGN if start.startswith(magic)), "")
    if not known and len(start) >= BLOCK and start[_MAGIC] != b"ustar" and any(start):
        return "a file of another kind"  # not an archive at all: what stands in it is not ours to show
    return known


def problem(block: bytes, path: str, size: int, seen: Container[str]) -> str:
    """Why `block` is not the header of `path`, naming the entry it does declare."""
    if len(block) < BLOCK:
        return f"entry {shown(path)}: the archive is truncated before it"
    if not any(block):
        return f"entry {shown(path)}: the archive ends before it"
    found = declared_path(block)
    return f"entry {shown(found)}: {_why_not(block, found, path, size, seen)}"


def _why_not(block: bytes, found: str, path: str, size: int, seen: Container[str]) -> str:
    kind = block[156:157]
    # Kind and path come first: they are what an attacker wants, so they are what to report.
    if kind in _KINDS:
        return f"{_KINDS[kind]}; a package holds regular files only"
    if found in seen:
        return "appears twice"
    if found != path:
        return path_problem(found) or f"the manifest has {shown(path)} in this place"
    if declared_size(block) != size:
        return f"its header declares {declared_size(block)} bytes, the manifest {size}"
    return "its header is not the one this format has (mode, owner, time, checksum or unused fields)"
