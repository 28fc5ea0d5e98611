"""Draws the steps of a pipeline's endpoints with lines and corners, as `check` and `describe` show them."""

from collections.abc import Iterator, Mapping, Sequence

from modelway.cli.table_text import printable
from modelway.signature import Signature
from modelway.signature.flow import Flow, StepSignature

_WORDS = {"then": "one after another", "together": "together", "each": "each", "when": "if", "otherwise": "otherwise"}
_GAP = 3


def flow_lines(signature: Signature) -> list[str]:
    """One tree per endpoint; none for a handler without steps.

    A step's line says what runs it; parts stand below what they are part of, in the order they run.
    """
    if not signature.steps:
        return []
    steps = {each.name: each for each in signature.steps}
    lines: list[str] = []
    for endpoint in signature.endpoints:
        inputs = ", ".join(each.name for each in endpoint.inputs)
        rows = list(_rows(endpoint.flow, steps, ""))
        if not endpoint.flow:
            rows = [("└─ the source is not there to be read", "")]
        width = max(len(left) for left, _ in rows) + _GAP
        lines.append(printable(f"{endpoint.name}({inputs})"))
        lines += [printable(f"{left:<{width}}{right}".rstrip()) for left, right in rows]
    return lines


def _rows(flows: Sequence[Flow], steps: Mapping[str, StepSignature], indent: str) -> Iterator[tuple[str, str]]:
    for position, flow in enumerate(flows):
        last = position == len(flows) - 1
        text = flow.step if flow.kind == "step" else f"{_WORDS[flow.kind]} {flow.label}".rstrip()
        yield f"{indent}{'└─ ' if last else '├─ '}{text}", _runs(steps.get(flow.step))
        yield from _rows(flow.parts, steps, indent + ("   " if last else "│  "))


def _runs(step: StepSignature | None) -> str:
    if step is None:
        return ""
    if step.remote:
        return f"{step.target}/{step.endpoint} (deployed)"
    apart = f" ({step.processes} process{'es' if step.processes > 1 else ''})" if step.processes else ""
    return f"{step.target}.{step.endpoint}{apart}"
