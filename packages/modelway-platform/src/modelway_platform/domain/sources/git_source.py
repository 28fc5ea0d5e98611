"""A Git repository whose files are declared state: what is followed, what was seen of it, what became of each commit."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from modelway_platform.domain.documents.document_json import Kind
from modelway_platform.domain.identity import is_name

Drift = Literal["report", "heal"]
Writes = Literal["none", "commit", "branch"]
WRITES: tuple[Writes, ...] = ("none", "commit", "branch")
DRIFTS: tuple[Drift, ...] = ("report", "heal")
LEAST_POLL_SECONDS = 5.0
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """What is followed.

    Args:
        name: Ours.
        repository: `https://…`, `http://…`, or the absolute path of a repository on the platform's machine.
        branch: The branch that says what is declared.
        path: The folder in it, with all below; empty: the whole tree.
        poll_seconds: How often the branch is looked at; a webhook or `sync` comes before.
        drift: What becomes of changes that somebody made elsewhere: only shown, or taken back.
        prune: Whether documents that a commit leaves out go, if an earlier commit of this source declared them.
        projects: The projects it may declare; empty: all, and clusters and stages.
        credentials: A file on the platform's machine with `user:password` for the repository; empty: none is needed.
        writes: How promotions and undoing get into the branch: by people, by commits of the platform, or by such on a branch of its own
            that people merge.
    """

    name: str
    repository: str
    branch: str = "main"
    path: str = ""
    poll_seconds: float = 30.0
    drift: Drift = "report"
    prune: bool = True
    projects: tuple[str, ...] = ()
    credentials: str = ""
    writes: Writes = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A document as the last applied commit declared it; `document` is its normal form."""

    kind: Kind
    name: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """A source and how it stands.

    Args:
        spec: What is followed.
        head: The commit seen last; empty before the first.
        applied: The commit that is in force: the last good one.
        owned: What that one declared.
        checked_at: When the branch was looked at last (Unix time in seconds).
        problem: Why it could not be looked at; empty if it could.
        created_at: When it was set.
    """

    spec: GitSource
    head: str = ""
    applied: str = ""
    owned: tuple[Owned, ...] = ()
    checked_at: float | None = None
    problem: str = ""
    created_at: float


CommitState = Literal["applied", "unchanged", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCommit:
    """What became of one commit.

    Args:
        commit: Its id, 40 or 64 hex digits.
        author: Name and address, as the commit says: anybody may claim any.
        subject: The first line of its message.
        committed_at: What it says about its time (Unix time in seconds).
        seen_at: When it was looked at.
        state: `refused`: nothing of it is in force; the last good one is.
        message: What was done, or why it was refused.
        details: The problems with their places, as `apply` tells them.
    """

    commit: str
    author: str
    subject: str
    committed_at: float
    seen_at: float
    state: CommitState
    message: str
    details: tuple[dict[str, Any], ...] = ()


def owner_of(kind: Kind, name: str, sources: Iterable[SourceRecord]) -> SourceRecord | None:
    """The source whose commit in force declares a document; None if none does."""
    return next((each for each in sources if any((own.kind, own.name) == (kind, name) for own in each.owned)), None)


def source_problems(source: GitSource) -> Iterator[str]:
    """What is wrong with a declaration."""
    if not is_name(source.name):
        yield "name: use lower-case letters, digits and dashes, at most 63"
    yield from _repository_problems(source.repository)
    if not _BRANCH.fullmatch(source.branch) or ".." in source.branch or source.branch.endswith((".lock", "/", ".")):
        yield f"branch: {source.branch[:100]!r} is not a branch's name"
    if source.path and (not _PATH.fullmatch(source.path) or {".", "..", ".git"} & set(source.path.split("/"))):
        yield "path: a folder in the repository, such as deploy/production"
    if not LEAST_POLL_SECONDS <= source.poll_seconds <= 86_400:
        yield f"pollSeconds: {LEAST_POLL_SECONDS:g} to 86400"
    if source.drift not in DRIFTS:
        yield f"drift: one of {', '.join(DRIFTS)}"
    if source.writes not in WRITES:
        yield f"writes: one of {', '.join(WRITES)}"
    for project in source.projects:
        if not is_name(project):
            yield f"projects: {project[:100]!r} is not a project's name"
    if source.credentials and not _is_path(source.credentials):
        yield "credentials: the absolute path of a file on the platform's machine"


def _repository_problems(text: str) -> Iterator[str]:
    if _is_path(text):
        return
    try:
        url = urlsplit(text)
        valid = url.scheme in {"https", "http"} and bool(url.hostname) and text.isascii() and text.isprintable()
    except ValueError:
        valid, url = False, None
    if not valid or url is None or len(text) > 1000:
        yield "repository: https://HOST/PATH, or the absolute path of a repository on the platform's machine"
    elif "@" in url.netloc:
        yield "repository: a password does not belong into a URL; name a file that holds it with `credentials`"


def _is_path(text: str) -> bool:
    return text.startswith("/") and text.isprintable() and len(text) <= 1000
