"""The documents' files of one commit, read out of the object store: nothing is checked out, nothing of it runs."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from dulwich.errors import NotTreeError
from dulwich.object_store import BaseObjectStore, tree_lookup_path
from dulwich.objects import Blob, ObjectID, Tree

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILES = 500
MAX_FILE_BYTES = 1024 * 1024
MAX_BYTES = 24 * 1024 * 1024
MAX_ENTRIES = 50_000
MAX_DEPTH = 32


class RefusedCommitError(Exception):
    """The commit cannot be read as documents; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class CommitFile:
    """A file of documents: its path from the top of the repository, and its text."""

    name: str
    text: str


def commit_files(store: BaseObjectStore, tree: ObjectID, path: str) -> list[CommitFile]:
    """The files below `path`, by name, that end as documents do.

    Symbolic links and submodules are not followed: where one stands for a file of documents, or on the way to `path`, the
    commit is refused.

    Raises:
        RefusedCommitError: That, a bound, a missing `path`, a missing object, or a file that is not UTF-8.
    """
    found: list[CommitFile] = []
    total = 0
    for name, blob_id in sorted(_documents(store, _folder(store, tree, path), path)):
        if len(found) >= MAX_FILES:
            raise RefusedCommitError(f"more than {MAX_FILES} files of documents below {path or 'the top'}")
        text = _text(store, name, blob_id)
        total += len(text)
        if total > MAX_BYTES:
            raise RefusedCommitError(f"its files of documents are larger than {MAX_BYTES >> 20} MiB together")
        found.append(CommitFile(name, text))
    if not found:
        raise RefusedCommitError(f"no *.yaml, *.yml or *.json below {path or 'the top'}")
    return found


def _folder(store: BaseObjectStore, tree: ObjectID, path: str) -> ObjectID:
    if not path:
        return tree
    try:
        mode, found = tree_lookup_path(store.__getitem__, tree, path.encode())
    except (KeyError, NotTreeError):
        raise RefusedCommitError(f"it has no folder {path}") from None
    if not stat.S_ISDIR(mode):
        raise RefusedCommitError(f"{path} is not a folder")
    return found


def _documents(store: BaseObjectStore, top: ObjectID, path: str) -> Iterator[tuple[str, ObjectID]]:
    waiting = [(path, top, 0)]
    entries = 0
    while waiting:
        folder, tree_id, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise RefusedCommitError(f"folders more than {MAX_DEPTH} deep")
        for entry in _tree(store, folder, tree_id).iteritems():
            entries += 1
            if entries > MAX_ENTRIES:
                raise RefusedCommitError(f"more than {MAX_ENTRIES} entries below {path or 'the top'}")
            name = "/".join(each for each in (folder, _printable(entry.path)) if each)
            if stat.S_ISDIR(entry.mode):
                waiting.append((name, entry.sha, depth + 1))
            elif name.lower().endswith(SUFFIXES):
                if not stat.S_ISREG(entry.mode):
                    raise RefusedCommitError(f"{name} is a symbolic link or a submodule: only files are read")
                yield name, entry.sha


def _tree(store: BaseObjectStore, name: str, tree_id: ObjectID) -> Tree:
    found = _object(store, name or "the top", tree_id)
    if not isinstance(found, Tree):
        raise RefusedCommitError(f"{name or 'the top'} is not a folder")
    return found


def _text(store: BaseObjectStore, name: str, blob_id: ObjectID) -> str:
    found = _object(store, name, blob_id)
    if not isinstance(found, Blob):
        raise RefusedCommitError(f"{name} is not a file")
    if found.raw_length() > MAX_FILE_BYTES:
        raise RefusedCommitError(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        return found.data.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedCommitError(f"{name} is not UTF-8") from None


def _object(store: BaseObjectStore, name: str, object_id: ObjectID) -> object:
    try:
        return store[object_id]
    except KeyError:
        raise RefusedCommitError(f"the repository lacks {name}") from None


def _printable(path: bytes) -> str:
    text = path.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else ascii(text)[1:-1]
