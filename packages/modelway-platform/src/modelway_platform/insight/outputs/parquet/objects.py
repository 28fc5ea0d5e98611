"""Objects of a bucket or folder, as the output needs them; whatever goes wrong on the way is somebody being away."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from modelway.errors import ModelwayError
from modelway_platform.insight.outputs.parquet.faults import told_of
from modelway_platform.insight.outputs.receiver import AwayError

_PART_BYTES = 8 << 20


class Objects:
    """Objects below one address.

    Args:
        address: For messages.
        open_backend: Opens obstore's store; may raise a ModelwayError.

    Raises:
        AwayError: It cannot be opened.
    """

    def __init__(self, address: str, open_backend: Callable[[], Any]) -> None:
        self._address = address
        try:
            self._backend = open_backend()
        except ModelwayError as error:
            raise AwayError(f"{error.message}; {error.hint}" if error.hint else error.message) from None

    def put(self, key: str, path: Path) -> None:
        """The file's content; there is all of it, or no such object. Raises AwayError as all do."""
        with self._explained(writing=True):
            obstore.put(self._backend, key, path, chunk_size=_PART_BYTES)

    def put_new(self, key: str, content: bytes) -> bool:
        """Only if there is no such object; whether there was none."""
        try:
            with self._explained(writing=True):
                obstore.put(self._backend, key, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def replace(self, key: str, content: bytes) -> None:
        """Whether or not there is one."""
        with self._explained(writing=True):
            obstore.put(self._backend, key, content)

    def get(self, key: str) -> bytes | None:
        """A small object; None if there is none."""
        try:
            with self._explained():
                return bytes(obstore.get(self._backend, key).bytes())
        except FileNotFoundError:
            return None

    def fetch(self, key: str, to: Path) -> bool:
        """Into a file; whether there was such an object."""
        try:
            with self._explained(), to.open("wb") as file:
                for part in obstore.get(self._backend, key).stream(min_chunk_size=1 << 20):
                    file.write(part)
        except FileNotFoundError:
            return False
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """All of them; those that are not there are gone, too."""
        for key in keys:
            try:
                with self._explained():
                    obstore.delete(self._backend, key)
            except FileNotFoundError:
                continue

    def sizes(self) -> dict[str, tuple[int, float]]:
        """Of everything there is: octets, and the Unix time of the last change."""
        with self._explained():
            listed: Any = obstore  # a listing as Arrow has no types
            pages = listed.list(self._backend)
            return {each["path"]: (each["size"], each["last_modified"].timestamp()) for page in pages for each in page}

    @contextmanager
    def _explained(self, *, writing: bool = False) -> Generator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if writing or "NoSuchBucket" in str(error):  # it is not an object that is missing
                raise AwayError(told_of(error, self._address)) from None
            raise
        except AlreadyExistsError:
            raise
        except (BaseError, OSError) as error:  # whose text may have what a request was signed with
            raise AwayError(told_of(error, self._address)) from None
