"""Going back where a Git source declares the document and lets the platform write: a commit is asked for instead of a revision."""

from dataclasses import dataclass, replace

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.documents.admit_entries import entry_problems
from modelway_platform.domain.documents.document_json import Kind, document_from_json
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_node import Mark
from modelway_platform.domain.records import Revision
from modelway_platform.domain.sources.git_source import owner_of
from modelway_platform.domain.sources.git_write import GitWrite, WriteState, branch_for, undo_message
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.promotions import Promotions
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites


@dataclass(frozen=True, slots=True)
class GitUndo:
    """Asks for commits that undo.

    Args:
        documents: What is declared, and its history.
        sources: Whose documents they are.
        writes: Where commits are asked for.
        promotions: What has passed the gates of a stage.
    """

    documents: Documents
    sources: GitSources
    writes: GitWrites
    promotions: Promotions

    def ask(
        self, kind: Kind, name: str, to_revision: int | None, *, author: str, expected: int | None
    ) -> GitWrite | None:
        """The commit that was asked for; None where no source has to be, or may be, written to.

        Raises:
            ConflictError: The document is not at `expected`, or that revision is not to be had again.
            NotFoundError: There is no such revision.
        """
        owner = owner_of(kind, name, self.sources.list())
        if owner is None or owner.spec.writes == "none":
            return None
        revisions = self.documents.revisions(kind, name)
        current = revisions[-1]
        if not current.document:
            raise ConflictError(f"{kind} {name} was deleted", hint=f"commit it again to source {owner.spec.name}")
        if expected is not None and expected != current.number:
            raise ConflictError(f"{kind} {name} is at revision {current.number}, not at {expected}: someone changed it")
        target = _target(revisions, to_revision)
        if target.document == current.document:
            return None
        self._check(target, owner.spec.name)
        key = self._free_key(f"undo {kind} {name} {current.number} to {target.number}")
        return self.writes.ask(
            GitWrite(
                key=key,
                source=owner.spec.name,
                kind=kind,
                name=name,
                before=current.document["spec"],
                after=target.document["spec"],
                author=author,
                message=undo_message(kind, name, target.number, author),
                branch=branch_for(owner.spec, key),
            )
        )

    def _check(self, target: Revision, source: str) -> None:
        declared = self.documents.declared()
        now = replace(declared, entries=self.promotions.entries())
        written = Written(document=document_from_json(target.document), file=source, marks={"": Mark(1, 1)})
        for problem in entry_problems([written], declared, now):
            raise ConflictError(f"that revision cannot be declared again: {problem.message}", hint=problem.hint)

    def _free_key(self, base: str) -> str:
        """What was asked for and is under way is asked for once; what came to nothing, again."""
        number = 1
        while (known := self.writes.find(f"{base}.{number}")) is not None:
            if known.state in {WriteState.WAITING, WriteState.WRITING}:
                break
            number += 1
        return f"{base}.{number}"


def _target(revisions: list[Revision], wanted: int | None) -> Revision:
    whole = [each for each in revisions[:-1] if each.document]
    if wanted is None:
        if not whole:
            raise ConflictError("there is no earlier revision to go back to")
        return whole[-1]
    found = next((each for each in revisions if each.number == wanted and each.document), None)
    if found is None:
        raise NotFoundError(f"there is no revision {wanted} to go back to")
    return found
