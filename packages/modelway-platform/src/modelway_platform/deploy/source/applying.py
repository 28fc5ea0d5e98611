"""Makes a commit the declared state, whole or not at all, and tells what became of it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelway.errors import ForbiddenError, ModelwayError
from modelway_platform.deploy.api.reading.apply_documents import (
    ApplyFile,
    ApplyRequest,
    Resolved,
    declare_documents,
    resolve_documents,
)
from modelway_platform.deploy.api.reading.package_refusals import Refusal, no_refusal
from modelway_platform.deploy.source.fetch_commit import Answer
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.document_changes import Applied
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json, kind_of, name_of
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_node import Mark
from modelway_platform.domain.sources.drift import Drifted, left_out
from modelway_platform.domain.sources.git_source import GitSource, Owned, SeenCommit, SourceRecord
from modelway_platform.domain.sources.git_write import GitWrite
from modelway_platform.domain.sources.moved_weights import keeping_moved_weights
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.sources.rollout_writes import RolloutWrites


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a commit; `owned` is what it declares, None where it was refused."""

    seen: SeenCommit
    owned: tuple[Owned, ...] | None


class CommitApplier:
    """Applies commits as `modelway apply` applies files, with the source as their author.

    Args:
        documents: What is declared.
        packages: What documents may name.
        events: Where changes are told.
        clock: Unix time in seconds.
        refusal: Why a project may not deploy a package.
        moves: What rollouts had written of the weights of routes.
    """

    def __init__(
        self,
        documents: Documents,
        packages: PackageStore,
        events: Events,
        clock: Callable[[], float] = time.time,
        *,
        refusal: Refusal = no_refusal,
        moves: RolloutWrites | None = None,
    ) -> None:
        self._documents = documents
        self._packages = packages
        self._events = events
        self._clock = clock
        self._refusal = refusal
        self._moves = moves

    def apply(self, source: SourceRecord, answer: Answer, looked_at: float = 0.0) -> Outcome:
        """Declare what the commit's files say, and let go what an earlier commit of the source declared and this one does not.

        Args:
            source: As it stood before.
            answer: The commit.
            looked_at: Unix time at which the look at the branch began.
        """
        if answer.files is None:
            return self._refused(answer, answer.refused, ())
        try:
            resolved = self._resolve(source.spec, answer.files)
            written = self._moves.unseen(source.spec) if self._moves else ()
            applied = self._declare(source, resolved, answer.commit, written)
        except ModelwayError as error:
            words = f"{error.message} ({error.hint})" if error.hint else error.message
            return self._refused(answer, words, tuple(dict(each) for each in error.details or ()))
        owned = _owned(resolved)
        if self._moves:
            self._moves.taken_in(source.spec, written, owned, looked_at)
        changed = [each for each in applied if each.action != "unchanged"]
        seen = self._seen(answer, "applied" if changed else "unchanged", _summary(applied))
        return Outcome(seen, owned)

    def heal(self, source: SourceRecord, drift: Iterable[Drifted]) -> str:
        """Declare again what the source's commit said of documents that somebody changed or deleted elsewhere.

        Returns:
            Why that is not possible any more; empty if it was done.
        """
        drifted = {(each.kind, each.name) for each in drift}
        wanted = [each for each in source.owned if (each.kind, each.name) in drifted]
        try:
            applied = declare_documents(
                self._again(wanted),
                self._documents,
                author=_author(source.spec, source.applied),
                cause="drift taken back",
            )
        except ModelwayError as error:
            return error.message
        self._tell(applied, source.spec, source.applied)
        return ""

    def _again(self, owned: Iterable[Owned]) -> Resolved:
        owned, now = list(owned), self._documents.declared()
        documents = [keeping_moved_weights(document_from_json(each.document), owned, now) for each in owned]
        written = tuple(
            Written(document=each, file="the last good commit", marks={"": Mark(1, 1)}) for each in documents
        )
        declared = {each.deployment.package for each in self._documents.declared().deployments}
        digests = declared | {each.package for each in documents if isinstance(each, Deployment)}
        known = {digest: self._packages.get(digest) for digest in digests if self._packages.has(digest)}
        return Resolved(written=written, texts={}, known=known)

    def _resolve(self, spec: GitSource, files: tuple[tuple[str, str], ...]) -> Resolved:
        request = ApplyRequest(files=tuple(ApplyFile(name=name, text=text) for name, text in files), packages={})

        def may_change(projects: Iterable[str]) -> None:
            outside = sorted(set(projects) - set(spec.projects)) if spec.projects else []
            if outside:
                what = f"project {outside[0]}" if outside[0] else "clusters or stages"
                raise ForbiddenError(
                    f"source {spec.name} may not declare {what}", hint=f"it may declare {', '.join(spec.projects)}"
                )

        return resolve_documents(
            request, self._documents, self._packages, dry_run=False, may_change=may_change, refusal=self._refusal
        )

    def _declare(
        self, source: SourceRecord, resolved: Resolved, commit: str, moves: Sequence[GitWrite]
    ) -> tuple[Applied, ...]:
        spec = source.spec
        without = left_out(source.owned, _owned(resolved), self._documents.declared()) if spec.prune else ()
        now = self._documents.declared()
        written = tuple(
            replace(each, document=keeping_moved_weights(each.document, source.owned, now, moves))
            for each in resolved.written
        )
        applied = declare_documents(
            replace(resolved, written=written),
            self._documents,
            author=_author(spec, commit),
            cause=f"commit {commit[:12]}",
            without=without,
        )
        self._tell(applied, spec, commit)
        return applied

    def _tell(self, applied: Iterable[Applied], spec: GitSource, commit: str) -> None:
        for each in applied:
            if each.action != "unchanged":
                message = f"revision {each.revision} {each.action} by {_author(spec, commit)}"
                self._events.note(each.kind, each.name, "Normal", "Applied", message)

    def _refused(self, answer: Answer, why: str, details: tuple[dict[str, Any], ...]) -> Outcome:
        return Outcome(self._seen(answer, "refused", why, details), None)

    def _seen(self, answer: Answer, state: Any, message: str, details: tuple[dict[str, Any], ...] = ()) -> SeenCommit:
        return SeenCommit(
            commit=answer.commit,
            author=answer.author,
            subject=answer.subject,
            committed_at=answer.committed_at,
            seen_at=self._clock(),
            state=state,
            message=message[:2000],
            details=details,
        )


def _author(spec: GitSource, commit: str) -> str:
    return f"git:{spec.name}@{commit[:12]}"


def _owned(resolved: Resolved) -> tuple[Owned, ...]:
    documents = [each.document for each in resolved.written]
    return tuple(Owned(kind=kind_of(each), name=name_of(each), document=document_to_json(each)) for each in documents)


def _summary(applied: Iterable[Applied]) -> str:
    counts: dict[str, int] = {}
    for each in applied:
        counts[each.action] = counts.get(each.action, 0) + 1
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))
