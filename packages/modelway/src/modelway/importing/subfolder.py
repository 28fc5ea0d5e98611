"""A folder of a source as a source of its own."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from modelway.importing.source_files import SourceFiles


class Subfolder:
    """What lies below `folder`, under shorter paths.

    Args:
        files: The source.
        folder: A path in it, without a slash at its end.
    """

    def __init__(self, files: SourceFiles, folder: str) -> None:
        self._files = files
        self._prefix = f"{folder}/"
        self.sizes: Mapping[str, int] = MappingProxyType(
            {path[len(self._prefix) :]: size for path, size in files.sizes.items() if path.startswith(self._prefix)}
        )
        self.left_out = tuple(path[len(self._prefix) :] for path in files.left_out if path.startswith(self._prefix))

    def chunks(self, path: str) -> Iterator[bytes]:
        return self._files.chunks(self._prefix + path)
