"""What an endpoint of a pipeline does with its steps, as a value for the manifest and for people."""

from dataclasses import dataclass
from typing import Literal

FlowKind = Literal["step", "then", "together", "each", "when", "otherwise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One node of the graph.

    Args:
        kind: A call of a step; parts one after another; parts side by side; parts once per item; parts on a condition.
        step: Name of the step that is called; empty for the other kinds.
        label: The condition, or what is gone through, as the modeller wrote it.
        parts: What is inside.
    """

    kind: FlowKind
    step: str = ""
    label: str = ""
    parts: tuple["Flow", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSignature:
    """One declared step.

    Args:
        name: As in `self.NAME(...)`.
        target: The handler's class, or the deployed model.
        endpoint: Which of its endpoints.
        remote: Whether it is a deployed model.
        files: Sub-folder of the package's files; empty for all.
        processes: How many processes of its own it has; 0: it runs in the pipeline's.
    """

    name: str
    target: str
    endpoint: str
    remote: bool = False
    files: str = ""
    processes: int = 0
