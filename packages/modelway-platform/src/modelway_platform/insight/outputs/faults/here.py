"""What is wrong on this machine and not at the receiver: files that cannot be read, a disk that is full, records that are not to be read."""

import errno
import sqlite3

from modelway.errors import ModelwayError
from modelway_platform.insight.outputs.faults.fault import Fault
from modelway_platform.insight.outputs.faults.texts import fault_in

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REASONS = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "the platform's user may not use it",
    errno.EPERM: "the platform's user may not use it",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "something in its path is no folder",
    errno.EROFS: "its disk may only be read",
    errno.EMFILE: "the process has too many files open",
    errno.ENFILE: "the machine has too many files open",
    errno.EIO: "its disk does not work",
    errno.ENOSPC: "its disk is full",
    errno.EDQUOT: "its disk's quota is used up",
}
_MAKE_ROOM = "make room on the disk of the state directory (docs/outputs.md: waiting_gib, keep_days)"


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be used, in words."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    return _REASONS.get(error.errno or 0) or error.strerror or "it is not as it should be"


def trouble_here(error: Exception) -> str:
    """What failed that was no receiver's fault: what, why, what to do."""
    if isinstance(error, ModelwayError):
        return f"{error.message}; {error.hint}" if error.hint else error.message
    if _is_full(error):
        return f"the platform's own disk is full, so that nobody would know how far the output has come; {_MAKE_ROOM}"
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "") or "SQLite"
        return f"the ledger of the collected records cannot be used ({name}); see whether the disk of the state directory works"
    if _is_of_duckdb(error):
        return "collected records cannot be read from logs/store, or not written; see logs/outputs.log, and whether the disk works"
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{reason(error)}; see owner, permissions and disk of the state directory"
    return f"it ended unexpectedly ({type(error).__name__}); see logs/outputs.log and report it"


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    text = str(error)
    return (isinstance(error, sqlite3.Error) or _is_of_duckdb(error)) and (
        "disk is full" in text or fault_in(text) is Fault.FULL
    )


def _is_of_duckdb(error: Exception) -> bool:
    import duckdb  # noqa: PLC0415 - slow to import, and those who read settings alone would

    return isinstance(error, duckdb.Error)
