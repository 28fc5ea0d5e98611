"""Draws the steps of a pipeline's endpoints with lines and corners, for `check`, `describe` and the page at `/docs`."""

from collections.abc import Iterator, Mapping, Sequence

from modelway.signature.flow import Flow, StepSignature
from modelway.signature.values import EndpointSignature, Signature

_WORDS = {"then": "one after another", "together": "together", "each": "each", "when": "if", "otherwise": "otherwise"}
_GAP = 3


def flow_lines(signature: Signature) -> list[str]:
    """One tree per endpoint, each below its endpoint's name; none for a handler without steps.

    A step's line says what runs it; parts stand below what they are part of, in the order they run.
    """
    lines: list[str] = []
    for endpoint in signature.endpoints:
        drawn = endpoint_lines(endpoint, signature.steps)
        if drawn:
            inputs = ", ".join(each.name for each in endpoint.inputs)
            lines += [f"{endpoint.name}({inputs})", *drawn]
    return lines


def endpoint_lines(endpoint: EndpointSignature, steps: Sequence[StepSignature]) -> list[str]:
    """The tree of one endpoint; none where there are no steps."""
    if not steps:
        return []
    rows = list(_rows(endpoint.flow, {each.name: each for each in steps}, ""))
    if not rows:
        return ["└─ the source is not there to be read"]
    width = max(len(left) for left, _ in rows) + _GAP
    return [f"{left:<{width}}{right}".rstrip() for left, right in rows]


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
