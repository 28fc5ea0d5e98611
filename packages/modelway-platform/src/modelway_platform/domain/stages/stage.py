"""The Stage document as a value: where deployments of a project move to, what they get there and what must be shown before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.deployments.resources import Resources

# A replica answers its golden examples and registers by itself: nobody can hold it there.
APPROVABLE = (
    PhaseName.FETCH,
    PhaseName.VERIFY,
    PhaseName.BUILD,
    PhaseName.PUSH,
    PhaseName.PLACE,
    PhaseName.READY,
)


@dataclass(frozen=True, slots=True, order=True)
class StageKey:
    """A stage of a project."""

    project: str
    stage: str

    def __str__(self) -> str:
        return f"{self.project}/{self.stage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOverrides:
    """What a deployment gets when it is promoted into the stage; None and empty leave what it has.

    `env` is added to the deployment's variables; what the stage it leaves had added goes.
    """

    cluster: str = ""
    replicas: int | None = None
    workers: int | None = None
    resources: Resources | None = None
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGate:
    """Somebody says yes.

    Args:
        approvers: Names of tokens or keys; empty: whoever may deploy to the project.
        not_promoter: Whether who asks for the promotion may not be the one.
    """

    approvers: tuple[str, ...] = ()
    not_promoter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementGate:
    """Copies of requests were answered alike: at least the share `least` of at least `samples` compared ones in `days` days."""

    least: float
    samples: int
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageGates:
    """What must be shown before a deployment is promoted into the stage.

    Args:
        approval: Somebody says yes; None: nobody is asked.
        golden_examples: A ready replica in the stage before answers the package's golden examples.
        signature: Callers of every version that runs in the stage can stay as they are.
        agreement: What copies have shown, where there were any; None: nobody looks.
    """

    approval: ApprovalGate | None = None
    golden_examples: bool = False
    signature: bool = False
    agreement: AgreementGate | None = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self != NO_GATES


NO_GATES = StageGates()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage.

    Args:
        key: Which.
        after: The stage that deployments come from; empty for the first, into which they are applied.
        overrides: What they get.
        gates: What must be shown.
        approve_phases: Phases before which each revision of a deployment in the stage waits for somebody's yes.
    """

    key: StageKey
    after: str = ""
    overrides: StageOverrides = field(default_factory=StageOverrides)
    gates: StageGates = NO_GATES
    approve_phases: tuple[PhaseName, ...] = ()
