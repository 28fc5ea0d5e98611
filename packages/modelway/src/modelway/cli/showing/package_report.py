"""What a package holds and what its batches cost, as tables."""

from collections.abc import Iterator

from modelway.cli.showing.output import seconds_text, size_text
from modelway.cli.showing.table_text import table_lines
from modelway.packaging.manifest import FileEntry, Manifest, ProfilePoint

_LARGE = 3


def content_lines(manifest: Manifest, *, whole: bool) -> Iterator[str]:
    """The files, largest first, all of them or those that matter; then the profile, if there is one."""
    files = sorted(manifest.files, key=lambda entry: (-entry.size, entry.path))
    if whole:
        yield ""
        yield from _file_table(files, manifest)
    else:
        large = ", ".join(f"{entry.path} {size_text(entry.size)}" for entry in files[:_LARGE])
        yield f"largest  {large}"
    if manifest.profile:
        yield ""
        yield from table_lines(
            ("endpoint", "batch", "takes", "per item", "items/s", "peak memory"), map(_point, manifest.profile)
        )


def _file_table(files: list[FileEntry], manifest: Manifest) -> Iterator[str]:
    total = sum(entry.size for entry in files) or 1
    rows = [(entry.role, entry.path, size_text(entry.size), f"{entry.size / total:.1%}") for entry in files]
    yield from table_lines(("role", "file", "size", "share"), rows)
    yield f"environment: {manifest.environment.packages} distributions, installed where it runs"


def _point(point: ProfilePoint) -> tuple[str, ...]:
    return (
        point.endpoint,
        str(point.batch_size),
        _duration(point.seconds),
        _duration(point.seconds / point.batch_size),
        f"{point.batch_size / point.seconds:,.0f}",
        size_text(point.peak_memory_bytes),
    )


def _duration(seconds: float) -> str:
    return seconds_text(seconds) if seconds >= 0.01 else f"{seconds * 1e6:,.0f} µs"
