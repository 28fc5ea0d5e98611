"""A commit that the platform was asked to write to a source's branch, and what its message says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelway_platform.domain.documents.document_json import Kind
from modelway_platform.domain.promotion.promotion import Promotion
from modelway_platform.domain.sources.git_source import GitSource

_MAIL = "noreply@modelway.invalid"
MAX_TRIES = 8
_LONGEST_WAIT = 60.0


class WriteState(StrEnum):
    """Where it is; `Writing` while somebody tries."""

    WAITING = "Waiting"
    WRITING = "Writing"
    PUSHED = "Pushed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitWrite:
    """One commit to be written.

    Args:
        number: Its own; 0 before it is kept.
        key: What it is for; there is one of each.
        source: Whose branch.
        kind: Of the document that changes.
        name: Of it.
        before: Its spec as it is declared, in normal form.
        after: As it shall be.
        author: Who wants it.
        message: The commit's, without the line that marks it.
        branch: The branch that gets it.
        state: Where it is.
        commit: Its id, once pushed; the branch's, where that said so already.
        attempts: How often it was tried.
        problem: Why it is not pushed.
        created_at: Unix time in seconds.
        updated_at: Unix time in seconds.
        due_at: When it is tried next.
        or_before: Other specs that the branch may have instead of `before`, likeliest first.
        taken_in: Whether what the followed branch said after it has been declared.
    """

    number: int = 0
    key: str
    source: str
    kind: Kind
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    author: str
    message: str
    branch: str
    state: WriteState = WriteState.WAITING
    commit: str = ""
    attempts: int = 0
    problem: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    due_at: float = 0.0
    or_before: tuple[Mapping[str, Any], ...] = ()
    taken_in: bool = False

    @property
    def mark(self) -> str:
        """A line that no other commit's message has."""
        return f"Modelway-Write: {self.key}"

    @property
    def open(self) -> bool:
        """Whether it is still to be pushed."""
        return self.state in {WriteState.WAITING, WriteState.WRITING}

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


def branch_for(source: GitSource, key: str) -> str:
    """The branch that gets a commit; empty where people write it."""
    if source.writes == "none":
        return ""
    return source.branch if source.writes == "commit" else f"modelway/{key.replace(' ', '-').replace('/', '-')}"


def wait_after(attempts: int) -> float:
    """Seconds until the next try: 1, 2, 4, … 60."""
    return min(2.0 ** max(attempts - 1, 0), _LONGEST_WAIT)


def signature_of(author: str) -> str:
    """Who wants it, in the form of a commit's author."""
    name = "".join(each for each in author if each.isprintable() and each not in "<>").strip()
    return f"{name or 'somebody'} <{_MAIL}>"


def promotion_message(promotion: Promotion) -> str:
    """What moved, why, who wanted it, and what the gates said."""
    return "\n".join(_promotion_lines(promotion))


def _promotion_lines(promotion: Promotion) -> Iterator[str]:
    yield f"Promote {promotion.deployment} to {promotion.to_stage}"
    if promotion.reason:
        yield f"\n{promotion.reason}"
    yield f"\nFrom {promotion.from_stage}, package {promotion.package}."
    yield f"Asked for by {promotion.promoter}, promotion {promotion.number}."
    if promotion.gates:
        yield "\nGates:"
    for gate in promotion.gates:
        yield f"- {gate.gate}: {gate.state}: {' '.join(gate.message.split())}"


def undo_message(kind: Kind, name: str, revision: int, author: str) -> str:
    """What goes back, and who wanted it."""
    return f"Undo {kind} {name} to revision {revision}\n\nAsked for by {author}."
