"""A deployment on its way into the next stage of its project: what was asked, what the gates said, what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class PromotionState(StrEnum):
    """Where a promotion is.

    `Refused`: a gate says no. `Rejected`: somebody who was asked does. `Failed`: it could not be carried out. These three may be retried,
    `Promoted` and `Aborted` are the end. `Promoting`: the gates let it pass, and it is being carried out.
    """

    PENDING = "Pending"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    PROMOTED = "Promoted"
    REFUSED = "Refused"
    REJECTED = "Rejected"
    ABORTED = "Aborted"
    FAILED = "Failed"


OPEN = frozenset({PromotionState.PENDING, PromotionState.PAUSED, PromotionState.PROMOTING})
# The gates have been passed: the package may be in the stage.
ENTERED = frozenset({PromotionState.PROMOTING, PromotionState.PROMOTED})
RETRIABLE = frozenset({PromotionState.REFUSED, PromotionState.REJECTED, PromotionState.FAILED})


class GateName(StrEnum):
    """What is asked, in this order."""

    GOLDEN_EXAMPLES = "goldenExamples"
    SIGNATURE = "signature"
    AGREEMENT = "agreement"
    APPROVAL = "approval"


class GateState(StrEnum):
    """What a gate says. Not enough data is neither yes nor no: it is waited for."""

    PASSED = "Passed"
    FAILED = "Failed"
    WAITING = "Waiting"
    NOT_ENOUGH_DATA = "NotEnoughData"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What one gate says, why, and from what: `evidence` is JSON values. `at` is Unix time in seconds, when it said so first."""

    gate: GateName
    state: GateState
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody's word; `at` is Unix time in seconds."""

    author: str
    approved: bool
    at: float
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One promotion; numbered from 1.

    Args:
        number: Its own; 0 before it is kept.
        deployment: `project/model/version`.
        from_stage: Where it was when it was asked for.
        to_stage: Where it shall be.
        package: The digest that moves; another one would be another promotion.
        revision: The deployment's when it was asked for.
        promoter: Who asked.
        reason: Why, in their words.
        created_at: When; Unix time in seconds.
        state: Where it is.
        message: What that means, for people.
        gates: What each gate said last.
        approvals: What people said, oldest first.
        updated_at: When anything of this changed last.
        ended_at: When it was over; 0 before.
        result_revision: The deployment's revision that it led to; 0 before.
        source: The Git source that declares the deployment; empty if none does.
        commit: The commit that says so there.
        branch: The branch that the platform writes it to; empty where people do.
        attempt: Grows by one when it is tried again.
    """

    number: int = 0
    deployment: str
    from_stage: str
    to_stage: str
    package: str
    revision: int
    promoter: str
    reason: str = ""
    created_at: float
    state: PromotionState = PromotionState.PENDING
    message: str = ""
    gates: tuple[GateVerdict, ...] = ()
    approvals: tuple[Approval, ...] = ()
    updated_at: float = 0.0
    ended_at: float = 0.0
    result_revision: int = 0
    source: str = ""
    commit: str = ""
    branch: str = ""
    attempt: int = 1

    @property
    def project(self) -> str:
        return self.deployment.partition("/")[0]

    @property
    def write_key(self) -> str:
        """What the commit that it asks for is known by."""
        return f"promotion {self.number}.{self.attempt}"

    @property
    def cause(self) -> str:
        """What the revision that it leads to says of how it came about."""
        return f"promotion {self.number} from {self.from_stage}"
