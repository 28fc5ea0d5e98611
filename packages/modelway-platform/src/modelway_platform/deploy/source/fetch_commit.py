"""The child process that looks at a branch: bounded in memory, time and disk, with no secret but the repository's own.

A question comes in as JSON on standard input, the answer goes out on standard output; see `Question` and `Answer`.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from dulwich.client import HttpGitClient
    from dulwich.objects import ObjectID
    from dulwich.refs import Ref
    from dulwich.repo import Repo

MEMORY_BYTES = 2 * 1024**3
FILE_BYTES = 512 * 1024**2
PROCESSOR_SECONDS = 60
CONNECT_SECONDS = 20.0
MAX_SUBJECT = 200


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which branch of what; `known` is the commit whose files need not be told again."""

    repository: str
    branch: str
    path: str
    credentials: str = ""
    known: str = ""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the branch is at.

    `unreachable`: why it could not be looked at; nothing else is set then. `files` are name and text of each file of
    documents; `refused`: why the commit has none that can be used.
    """

    unreachable: str = ""
    commit: str = ""
    author: str = ""
    subject: str = ""
    committed_at: float = 0.0
    files: tuple[tuple[str, str], ...] | None = None
    refused: str = ""


def main() -> int:
    """Answers one question; returns the exit status."""
    set_limits()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        answer = look(question, Path(folder))
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


def set_limits() -> None:
    """Bounds this process, whatever a repository says."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))


def look(question: Question, folder: Path) -> Answer:
    """The answer; what is fetched is kept below `folder`."""
    from dulwich.errors import GitProtocolError, HangupException, NotGitRepository  # noqa: PLC0415 - once the limits hold
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        return _look(question, folder)
    except MemoryError:
        return Answer(unreachable=f"it takes more than {MEMORY_BYTES >> 30} GiB of memory to read")
    except NotGitRepository:
        return Answer(unreachable="there is no Git repository")
    except HangupException:
        return Answer(unreachable="it ended the connection")
    except (GitProtocolError, HTTPError, OSError, ValueError, AssertionError, KeyError) as error:
        return Answer(unreachable=words(error))


def _look(question: Question, folder: Path) -> Answer:
    from dulwich.refs import Ref  # noqa: PLC0415 - once the limits hold
    from dulwich.repo import Repo  # noqa: PLC0415

    branch = Ref(b"refs/heads/" + question.branch.encode())
    if question.repository.startswith("/"):
        with Repo(question.repository) as there:
            return _answer(there, there.get_refs().get(branch), question)
    with Repo.init_bare(folder) as copy:
        return _answer(copy, _fetch(copy, branch, question), question)


def _fetch(copy: "Repo", branch: "Ref", question: Question) -> "ObjectID | None":
    client, name = http_client(question.repository, question.credentials)

    def wanted(refs: "Mapping[Ref, ObjectID]", depth: int | None = None) -> "list[ObjectID]":
        found = refs.get(branch)
        return [found] if found and found.decode() != question.known else []

    refs = client.fetch(name, copy, determine_wants=wanted, depth=1, ref_prefix=[branch]).refs
    return refs.get(branch)


def http_client(repository: str, credentials: str) -> "tuple[HttpGitClient, str]":
    """A client for a repository's server, and what the repository is called there."""
    from dulwich.client import HttpGitClient  # noqa: PLC0415 - once the limits hold
    from dulwich.config import ConfigFile, StackedConfig  # noqa: PLC0415

    user, password = _credentials(credentials)
    # Nobody's configuration: it could name a proxy, rewrite the address or send a header.
    nobodys = StackedConfig([ConfigFile()])
    base, _, name = repository.rpartition("/")
    client = HttpGitClient(
        base + "/", config=nobodys, username=user, password=password, timeout=CONNECT_SECONDS, quiet=True
    )
    return client, name


def _answer(repository: "Repo", head: "ObjectID | None", question: Question) -> Answer:
    from dulwich.objects import Commit  # noqa: PLC0415 - once the limits hold

    from modelway_platform.deploy.source.commit_files import RefusedCommitError, commit_files  # noqa: PLC0415

    if head is None:
        return Answer(unreachable=f"it has no branch {question.branch}")
    name = head.decode("ascii")
    if name == question.known:
        return Answer(commit=name)
    commit = repository.object_store[head]
    if not isinstance(commit, Commit):
        return Answer(unreachable=f"branch {question.branch} is not at a commit")
    facts: dict[str, Any] = {
        "commit": name,
        "author": _line(commit.author),
        "subject": _line(commit.message),
        "committed_at": float(commit.commit_time),
    }
    try:
        files = commit_files(repository.object_store, commit.tree, question.path)
    except RefusedCommitError as error:
        return Answer(**facts, refused=str(error))
    return Answer(**facts, files=tuple((each.name, each.text) for each in files))


def _credentials(path: str) -> tuple[str | None, str | None]:
    if not path:
        return None, None
    user, colon, password = Path(path).read_text(encoding="utf-8").strip().partition(":")
    if not colon:
        raise ValueError(f"{path} holds no user:password")
    return user, password


def _line(text: bytes) -> str:
    first = text.decode("utf-8", "replace").strip().partition("\n")[0]
    return "".join(each if each.isprintable() else "?" for each in first)[:MAX_SUBJECT]


def words(error: Exception) -> str:
    """An error for people: one line, not long."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
