"""What the gates of a stage say of a promotion: facts in, verdicts with their evidence out; nothing else is read or done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelway_platform.domain.agreement.mirror_report import MirrorPair
from modelway_platform.domain.promotion.promotion import Approval, GateName, GateState, GateVerdict, Promotion
from modelway_platform.domain.stages.stage import AgreementGate, ApprovalGate, StageGates

SHOWN_CHANGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleAnswers:
    """What the replicas of the earlier stage answered to the package's golden examples.

    Args:
        replicas: Ids of those asked.
        examples: How many each was asked.
        problems: What was not answered, or not as it should be.
        waiting: Why nobody could be asked; empty if somebody was.
    """

    replicas: tuple[str, ...] = ()
    examples: int = 0
    problems: tuple[str, ...] = ()
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureChange:
    """One difference to a version that runs in the stage: `breaking` if its callers have to change."""

    version: str
    breaking: bool
    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """All that gates look at; None where a gate does not ask for it.

    Args:
        answers: To golden examples.
        compared: The versions that run in the stage, of which signatures were compared.
        changes: Their differences.
        pairs: What copies of other versions' requests to this one have shown.
    """

    answers: ExampleAnswers | None = None
    compared: tuple[str, ...] = ()
    changes: tuple[SignatureChange, ...] = ()
    pairs: tuple[MirrorPair, ...] = ()


def judge(gates: StageGates, promotion: Promotion, facts: GateFacts, now: float) -> tuple[GateVerdict, ...]:
    """Every gate's verdict; one that says what it said before keeps its time."""
    found: list[GateVerdict] = []
    if gates.golden_examples:
        found.append(_examples(facts.answers or ExampleAnswers(waiting="nobody was asked yet")))
    if gates.signature:
        found.append(_signature(facts.compared, facts.changes))
    if gates.agreement is not None:
        found.append(_agreement(gates.agreement, facts.pairs))
    if gates.approval is not None:
        found.append(_approval(gates.approval, promotion.approvals))
    before = {each.gate: each for each in promotion.gates}
    return tuple(_since(each, before.get(each.gate), now) for each in found)


def refused_by(verdicts: Iterable[GateVerdict]) -> GateVerdict | None:
    """The first one that says no."""
    return next((each for each in verdicts if each.state is GateState.FAILED), None)


def waited_for(verdicts: Iterable[GateVerdict]) -> tuple[GateVerdict, ...]:
    """Those that have neither said yes nor no."""
    return tuple(each for each in verdicts if each.state in {GateState.WAITING, GateState.NOT_ENOUGH_DATA})


def _since(verdict: GateVerdict, before: GateVerdict | None, now: float) -> GateVerdict:
    if before is not None and replace(before, at=0.0) == verdict:
        return before
    return replace(verdict, at=now)


def _examples(answers: ExampleAnswers) -> GateVerdict:
    gate = GateName.GOLDEN_EXAMPLES
    evidence: dict[str, Any] = {"replicas": list(answers.replicas), "examples": answers.examples}
    if answers.waiting:
        return GateVerdict(gate=gate, state=GateState.WAITING, message=answers.waiting, evidence=evidence)
    if answers.problems:
        evidence["problems"] = list(answers.problems[:SHOWN_CHANGES])
        return GateVerdict(gate=gate, state=GateState.FAILED, message=answers.problems[0], evidence=evidence)
    message = f"{len(answers.replicas)} replica(s) answered {answers.examples} golden example(s) each"
    return GateVerdict(gate=gate, state=GateState.PASSED, message=message, evidence=evidence)


def _signature(compared: Sequence[str], changes: Sequence[SignatureChange]) -> GateVerdict:
    gate = GateName.SIGNATURE
    breaking = [each for each in changes if each.breaking]
    shown = [
        {
            "version": each.version,
            "effect": "breaking" if each.breaking else "compatible",
            "where": each.where,
            "what": each.what,
        }
        for each in (*breaking, *(each for each in changes if not each.breaking))
    ]
    evidence: dict[str, Any] = {"compared": list(compared), "changes": shown[:SHOWN_CHANGES]}
    if breaking:
        first = breaking[0]
        message = f"callers of {first.version} would have to change: {first.where}: {first.what}"
        return GateVerdict(gate=gate, state=GateState.FAILED, message=message, evidence=evidence)
    message = (
        f"callers of {', '.join(compared)} can stay as they are" if compared else "no other version is in the stage"
    )
    return GateVerdict(gate=gate, state=GateState.PASSED, message=message, evidence=evidence)


def _agreement(gate: AgreementGate, pairs: Sequence[MirrorPair]) -> GateVerdict:
    agreed, differed = sum(each.agreed for each in pairs), sum(each.differed for each in pairs)
    compared = agreed + differed
    evidence: dict[str, Any] = {
        "copies": sum(each.copies for each in pairs),
        "compared": compared,
        "agreed": agreed,
        "differed": differed,
        "failed": sum(each.failed for each in pairs),
        "least": gate.least,
        "samples": gate.samples,
        "of": sorted({each.source for each in pairs}),
    }

    def verdict(state: GateState, message: str) -> GateVerdict:
        return GateVerdict(gate=GateName.AGREEMENT, state=state, message=message, evidence=evidence)

    if compared < gate.samples:
        message = f"not enough data: {compared} of {gate.samples} copies compared in {gate.days:g} days"
        return verdict(GateState.NOT_ENOUGH_DATA, message)
    rate = agreed / compared
    message = f"{rate:.2%} of {compared} copies agree, at least {gate.least:.2%} should"
    return verdict(GateState.PASSED if rate >= gate.least else GateState.FAILED, message)


def _approval(gate: ApprovalGate, approvals: Sequence[Approval]) -> GateVerdict:
    evidence: dict[str, Any] = {
        "approvers": list(gate.approvers),
        "said": [{"author": each.author, "approved": each.approved, "comment": each.comment} for each in approvals],
    }
    last = approvals[-1] if approvals else None
    if last is None:
        who = f"one of {', '.join(gate.approvers)}" if gate.approvers else "somebody who may deploy to the project"
        message = f"{who} has to approve"
        return GateVerdict(gate=GateName.APPROVAL, state=GateState.WAITING, message=message, evidence=evidence)
    state = GateState.PASSED if last.approved else GateState.FAILED
    word = "approved" if last.approved else "rejected"
    message = f"{word} by {last.author}{': ' + last.comment if last.comment else ''}"
    return GateVerdict(gate=GateName.APPROVAL, state=state, message=message, evidence=evidence)


def may_approve(gate: ApprovalGate, who: str, promoter: str) -> str:
    """Why somebody may not say yes or no; empty if they may."""
    if gate.approvers and who not in gate.approvers:
        return f"{who} is not among those who approve: {', '.join(gate.approvers)}"
    if gate.not_promoter and who == promoter:
        return f"{who} asked for it, and somebody else has to approve"
    return ""
