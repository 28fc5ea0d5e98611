"""How much an archive may ask of whoever opens it; checked when a package is made, too."""

from dataclasses import dataclass

from modelway.errors import InvalidPackageError
from modelway.packaging.entry_path import shown
from modelway.packaging.manifest import Manifest

GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of an archive. Path lengths and the manifest's size are fixed by the format.

    There is no compression ratio to bound: the format is uncompressed, so an archive is never smaller than what it holds.

    Args:
        entries: Most files.
        file_bytes: Largest file.
        total_bytes: All files together.
    """

    entries: int = 10_000
    file_bytes: int = 64 * GIB
    total_bytes: int = 128 * GIB


def check_limits(manifest: Manifest, limits: Limits) -> None:
    """Refuses a package that is larger than `limits`, before anything of it is read or written."""
    if len(manifest.files) > limits.entries:
        raise InvalidPackageError(
            f"the package has {len(manifest.files)} entries, at most {limits.entries} are allowed",
            hint="pack many small files into one, or name fewer in [tool.modelway] files.",
        )
    hint = "leave out what serving does not need."
    for entry in manifest.files:
        if entry.size > limits.file_bytes:
            message = f"entry {shown(entry.path)}: {entry.size} bytes, at most {limits.file_bytes} are allowed"
            raise InvalidPackageError(message, hint=hint)
    total = sum(entry.size for entry in manifest.files)
    if total > limits.total_bytes:
        message = f"the package's files have {total} bytes, at most {limits.total_bytes} are allowed"
        raise InvalidPackageError(message, hint=hint)
