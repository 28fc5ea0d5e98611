"""Carries promotions on: asks the gates, and moves what they let pass; level-triggered, so that a kill anywhere loses nothing.

Each step is durable before the next. What was done before a kill is recognised by what is declared: a deployment that is in the
stage by a revision whose cause is the promotion has been promoted, whether or not anybody came to write that down.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelway.errors import ConflictError, InvalidDocumentError, ModelwayError
from modelway_platform.deploy.promote.evidence import Evidence
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.admit_documents import problems_with
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.parsing.document_node import Mark
from modelway_platform.domain.promotion.promote import promoted
from modelway_platform.domain.promotion.promotion import GateName, GateVerdict, Promotion, PromotionState
from modelway_platform.domain.promotion.stage_gates import judge, refused_by, waited_for
from modelway_platform.domain.promotion.stage_order import stage_named
from modelway_platform.domain.records import Declared, DeploymentRecord
from modelway_platform.domain.sources.git_source import GitSource
from modelway_platform.domain.sources.git_write import GitWrite, WriteState, branch_for, promotion_message
from modelway_platform.domain.stages.stage import Stage, StageKey
from modelway_platform.store.changes import Changes
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.promotions import Promotions
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.sources.git_writes import GitWrites

SOON_SECONDS = 1.0
LATER_SECONDS = 30.0
_AFTER_ERROR = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PromoterParts:
    """What a promoter works on; `source_of` knows the Git source that declares a deployment, if one does."""

    promotions: Promotions
    documents: Documents
    packages: PackageStore
    events: Events
    evidence: Evidence
    source_of: Callable[[str], GitSource | None]
    writes: GitWrites


class Superseded(Exception):  # noqa: N818 - what happened, not an error of ours
    """The deployment is not any more what was to be promoted; the text says how."""


class Promoter:
    """One turn looks at every promotion that is due.

    Args:
        parts: See there.
        clock: Unix time in seconds.
    """

    def __init__(self, parts: PromoterParts, clock: Callable[[], float] = time.time) -> None:
        self._parts = parts
        self._clock = clock
        self._seen: dict[int, tuple[float, float]] = {}

    async def run(self, changes: Changes) -> None:
        """Carry on until cancelled."""
        while True:
            seen = changes.number
            try:
                pause = await asyncio.to_thread(self.turn)
            except Exception:
                log.exception("promotions could not be looked after")
                pause = _AFTER_ERROR
            await changes.wait(seen, pause)
            await asyncio.sleep(0.05)  # bursts of changes are looked at once

    def turn(self) -> float:
        """Look at what is due; returns in how many seconds something will be again."""
        under_way = self._parts.promotions.under_way()
        for promotion in under_way:
            written, due = self._seen.get(promotion.number, (-1.0, 0.0))
            if promotion.updated_at == written and due > self._clock():
                continue
            pause = self._look_safely(promotion)
            after = self._parts.promotions.get(promotion.number)
            self._seen[promotion.number] = (after.updated_at, self._clock() + pause)
        numbers = {each.number for each in under_way}
        self._seen = {number: seen for number, seen in self._seen.items() if number in numbers}
        return max(
            min((due for _, due in self._seen.values()), default=self._clock() + LATER_SECONDS) - self._clock(), 0.2
        )

    def _look_safely(self, promotion: Promotion) -> float:
        try:
            return self._look(promotion)
        except Superseded as told:
            self._end(promotion, PromotionState.FAILED, str(told))
        except ModelwayError as error:
            self._end(promotion, PromotionState.FAILED, f"{error.message}{f' ({error.hint})' if error.hint else ''}")
        except Exception:  # one promotion's trouble is not another's
            log.exception("promotion could not be looked at", extra={"promotion": promotion.number})
            return _AFTER_ERROR
        return SOON_SECONDS

    def _look(self, promotion: Promotion) -> float:
        """Take the next step; returns when to look again at the latest."""
        record = self._record(promotion)
        if record.deployment.stage == promotion.to_stage:
            self._arrived(promotion, record)
        elif promotion.state is PromotionState.PENDING:
            return self._ask_gates(promotion, record)
        elif promotion.state is PromotionState.PROMOTING:
            return self._carry_out(promotion, record)
        return LATER_SECONDS

    def _ask_gates(self, promotion: Promotion, record: DeploymentRecord) -> float:
        declared = self._parts.documents.declared()
        stage = self._stage(promotion, declared)
        facts = self._parts.evidence.gather(record, stage, declared)
        verdicts = judge(stage.gates, promotion, facts, self._clock())
        refusal, waiting = refused_by(verdicts), waited_for(verdicts)

        def judged(now: Promotion) -> Promotion:
            if (now.state, now.approvals) != (promotion.state, promotion.approvals):
                return now  # somebody said something meanwhile: look again
            passed = refusal is None and not waiting
            state = PromotionState.PROMOTING if passed else now.state
            return replace(now, gates=verdicts, message=_summary(verdicts), state=state)

        after = self._parts.promotions.change(promotion.number, judged)
        if after.gates != verdicts or after.state is PromotionState.PROMOTING:
            return 0.0
        if refusal is not None:
            rejected = refusal.gate is GateName.APPROVAL
            state = PromotionState.REJECTED if rejected else PromotionState.REFUSED
            self._end(after, state, f"{refusal.gate.value}: {refusal.message}")
        return SOON_SECONDS if any(each.gate is GateName.GOLDEN_EXAMPLES for each in waiting) else LATER_SECONDS

    def _carry_out(self, promotion: Promotion, record: DeploymentRecord) -> float:
        declared = self._parts.documents.declared()
        stage = self._stage(promotion, declared)
        leaving = stage_named(StageKey(promotion.project, promotion.from_stage), declared)
        document = promoted(record.deployment, leaving, stage)
        source = self._parts.source_of(promotion.deployment)
        if source is not None:
            self._commit(source, promotion, record.deployment, document)
            return SOON_SECONDS
        try:
            applied = self._parts.documents.apply(
                [document],
                author=Actor(name=promotion.promoter, method="Promotions.Promote"),
                cause=promotion.cause,
                expected_revision=record.revision,
                admit=lambda after: self._admit(document, after),
            )
        except ConflictError:  # it was changed while we looked
            return 0.0
        self._end(promotion, PromotionState.PROMOTED, f"revision {applied[0].revision}", applied[0].revision)
        return 0.0

    def _commit(self, source: GitSource, promotion: Promotion, before: Deployment, after: Deployment) -> None:
        """What Git declares is changed in Git: by the platform where the source lets it, else by people."""
        branch = branch_for(source, promotion.write_key)
        if not branch:
            message = f"the gates are passed: commit stage {promotion.to_stage!r} and what it overrides to source {source.name}"
            self._note(promotion, replace(promotion, source=source.name, message=message))
            return
        write = self._parts.writes.ask(
            GitWrite(
                key=promotion.write_key,
                source=source.name,
                kind="Deployment",
                name=promotion.deployment,
                before=document_to_json(before)["spec"],
                after=document_to_json(after)["spec"],
                author=promotion.promoter,
                message=promotion_message(promotion),
                branch=branch,
            )
        )
        if write.state in {WriteState.FAILED, WriteState.CANCELLED}:
            self._end(promotion, PromotionState.FAILED, f"the commit could not be written: {write.problem}")
            return
        if write.state is WriteState.PUSHED:
            then = "in force" if branch == source.branch else "merged"
            message = (
                f"commit {write.commit[:12]} is on branch {branch} of source {source.name}; waits until it is {then}"
            )
        else:
            tried = f": {write.problem}" if write.problem else ""
            message = f"a commit to branch {branch} of source {source.name} is being written{tried}"
        self._note(
            promotion,
            replace(promotion, source=source.name, branch=branch, commit=write.commit, message=message[:1000]),
        )

    def _note(self, before: Promotion, after: Promotion) -> None:
        self._parts.promotions.change(before.number, lambda now: after if now == before else now)

    def _record(self, promotion: Promotion) -> DeploymentRecord:
        record = self._parts.documents.get_deployment(VersionKey(*promotion.deployment.split("/")))
        if record is None or record.deleting:
            raise Superseded(f"{promotion.deployment} was deleted")
        deployment = record.deployment
        if deployment.package != promotion.package:
            raise Superseded(f"{promotion.deployment} has another package since revision {record.revision}")
        if deployment.stage not in {promotion.from_stage, promotion.to_stage}:
            raise Superseded(f"{promotion.deployment} is in stage {deployment.stage!r} by now")
        return record

    def _stage(self, promotion: Promotion, declared: Declared) -> Stage:
        stage = stage_named(StageKey(promotion.project, promotion.to_stage), declared)
        if stage is None or stage.after != promotion.from_stage:
            raise Superseded(f"stage {promotion.to_stage!r} does not come after {promotion.from_stage!r} any more")
        return stage

    def _arrived(self, promotion: Promotion, record: DeploymentRecord) -> None:
        revisions = self._parts.documents.revisions("Deployment", promotion.deployment)
        own = [each.number for each in revisions if each.cause == promotion.cause]
        if not own and promotion.state is not PromotionState.PROMOTING:
            raise Superseded(f"{promotion.deployment} came into stage {promotion.to_stage!r} without this promotion")
        revision = own[-1] if own else record.revision
        promotion = self._with_commit(promotion)
        self._end(promotion, PromotionState.PROMOTED, f"revision {revision}", revision)

    def _with_commit(self, promotion: Promotion) -> Promotion:
        """The commit may be in force before we have looked whether it is pushed."""
        write = self._parts.writes.find(promotion.write_key)
        if write is None or write.commit == promotion.commit:
            return promotion
        return self._parts.promotions.change(promotion.number, lambda now: replace(now, commit=write.commit))

    def _admit(self, document: Deployment, after: Declared) -> None:
        packages = self._parts.packages
        digests = {record.deployment.package for record in after.deployments}
        known = {digest: packages.get(digest) for digest in digests if packages.has(digest)}
        written = Written(document=document, file="the promotion", marks={"": Mark(1, 1)})
        for problem in problems_with([written], after, known):
            raise InvalidDocumentError(problem.message, hint=problem.hint)

    def _end(self, promotion: Promotion, state: PromotionState, message: str, revision: int = 0) -> None:
        """It is over, unless somebody ended it meanwhile."""

        def ended(now: Promotion) -> Promotion:
            if now.state is not promotion.state:
                return now
            return replace(now, state=state, message=message[:1000], result_revision=revision)

        after = self._parts.promotions.change(promotion.number, ended)
        if after.state is not state:
            return
        log.info("promotion %d of %s: %s: %s", after.number, after.deployment, state.value, message)
        what = f"promotion {after.number} from {after.from_stage} to {after.to_stage}: {message}"
        level = "Normal" if state is PromotionState.PROMOTED else "Warning"
        self._parts.events.note("Deployment", after.deployment, level, f"Promotion{state.value}"[:40], what[:1000])


def _summary(verdicts: tuple[GateVerdict, ...]) -> str:
    waiting = waited_for(verdicts)
    return "; ".join(f"{each.gate.value}: {each.message}" for each in waiting)[:1000]
