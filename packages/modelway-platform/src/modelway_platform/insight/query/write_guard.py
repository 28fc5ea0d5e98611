"""Lets a process write below one folder and nowhere else, by the kernel (Landlock), whatever the process is brought to do.

See landlock(7): the rights of its first version, and truncation, which came with the third.
"""

import ctypes
import os
import struct
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same number on every architecture
_VERSION_ONLY = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
# Execute; write; remove a folder, a file; make a device, folder, file, socket, pipe, block device, link.
_EXECUTE, _WRITE_FILE = 1 << 0, 1 << 1
_CHANGES = sum(1 << number for number in range(4, 13))
_TRUNCATE, _TRUNCATE_SINCE = 1 << 14, 3


def guard_version() -> int:
    """What this kernel can; under 1 it has no Landlock, under 3 a file's end may still be cut."""
    return _version(ctypes.CDLL(None))


def write_only_below(folder: Path | None) -> bool:
    """From here on this thread, and those it starts, may change only what is below a folder, and run no other program.

    Files that are open already, pipes among them, are not concerned. Cannot be undone.

    Args:
        folder: None for nowhere at all.

    Returns:
        Whether it is so; False where the kernel has no Landlock.

    Raises:
        OSError: The kernel has it and refuses.
    """
    library = ctypes.CDLL(None, use_errno=True)
    version = _version(library)
    if version < 1:
        return False
    writing = _WRITE_FILE | _CHANGES | (_TRUNCATE if version >= _TRUNCATE_SINCE else 0)
    handled = ctypes.create_string_buffer(struct.pack("=Q", writing | _EXECUTE), 8)
    rules = _checked(library.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(8), 0))
    try:
        if folder is not None:
            place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                rule = ctypes.create_string_buffer(struct.pack("=Qi", writing, place), 12)
                _checked(library.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0))
            finally:
                os.close(place)
        _checked(library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(library.syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)
    return True


def _version(library: ctypes.CDLL) -> int:
    return int(library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_ONLY))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
