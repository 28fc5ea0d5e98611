"""Reads off an endpoint's source which steps it calls, in which order, side by side or on a condition."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from modelway.signature.flow import Flow, FlowKind

_TOGETHER = frozenset({"together", "gather"})
_LONGEST_LABEL = 60
_DEEPEST = 8
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def function_tree(function: Callable[..., Any]) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef | None, int]:
    """Its syntax tree and the line before its first; None where the source is not there (an interactive session)."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None, 0
    return (tree, first - 1) if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef) else (None, 0)


def step_called(node: ast.AST, steps: Collection[str]) -> str:
    """Name of the step a call is about; empty for every other node."""
    if isinstance(node, ast.Call) and _attribute_of_self(node.func) in steps:
        return _attribute_of_self(node.func)
    return ""


def read_flow(owner: type[Any], method: str, steps: Collection[str]) -> tuple[Flow, ...]:
    """What the method does with the steps; empty where its source is not there.

    Args:
        owner: The pipeline.
        method: Name of the endpoint's method.
        steps: Names of the declared steps.
    """
    return tuple(_Reader(owner, steps).method(method))


class _Reader:
    def __init__(self, owner: type[Any], steps: Collection[str]) -> None:
        self._owner = owner
        self._steps = steps
        self._inside: list[str] = []

    def method(self, name: str) -> list[Flow]:
        """A helper's steps stand where it is called."""
        function = getattr(self._owner, name, None)
        if not inspect.isfunction(function) or name in self._inside or len(self._inside) >= _DEEPEST:
            return []
        tree, _ = function_tree(function)
        if tree is None:
            return []
        self._inside.append(name)
        found = self._all(tree.body)
        self._inside.pop()
        return found

    def _all(self, nodes: Iterable[ast.AST]) -> list[Flow]:
        return [flow for node in nodes for flow in self._node(node)]

    def _node(self, node: ast.AST) -> list[Flow]:  # noqa: PLR0911 - one per kind of node
        match node:
            case ast.Call():
                return self._call(node)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.For() | ast.AsyncFor():
                head = self._node(node.iter)
                return head + _around("each", _loop_text(node), self._all(node.body)) + self._all(node.orelse)
            case ast.While():
                return _around("each", f"while {ast.unparse(node.test)}", self._all([node.test, *node.body]))
            case ast.If():
                return self._condition(node.test, node.body, node.orelse)
            case ast.IfExp():
                return self._condition(node.test, [node.body], [node.orelse])
            case ast.AsyncWith() if "TaskGroup" in ast.unparse(node.items[0].context_expr):
                return _around("together", "", self._all(node.body))
            case _:
                return self._all(ast.iter_child_nodes(node))

    def _call(self, node: ast.Call) -> list[Flow]:
        if (isinstance(node.func, ast.Name) and node.func.id in _TOGETHER) or (
            isinstance(node.func, ast.Attribute) and node.func.attr in _TOGETHER
        ):
            branches = [self._node(argument) for argument in node.args]
            return _side_by_side([_one(branch) for branch in branches if branch])
        before = self._all([*node.args, *(keyword.value for keyword in node.keywords)])
        name = step_called(node, self._steps)
        if name:
            return [*before, Flow(kind="step", step=name)]
        helper = _attribute_of_self(node.func)
        return before + (self.method(helper) if helper else self._node(node.func))

    def _comprehension(self, node: _Comprehension) -> list[Flow]:
        inner = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        conditions = [condition for generator in node.generators for condition in generator.ifs]
        head = self._all(generator.iter for generator in node.generators)
        return head + _around("each", ", ".join(map(_loop_text, node.generators)), self._all([*conditions, *inner]))

    def _condition(self, test: ast.expr, body: Sequence[ast.AST], orelse: Sequence[ast.AST]) -> list[Flow]:
        then, otherwise = self._all(body), self._all(orelse)
        found = self._node(test)
        if then or otherwise:
            found.append(Flow(kind="when", label=_short(ast.unparse(test)), parts=tuple(then)))
        return found + _around("otherwise", "", otherwise)


def _around(kind: FlowKind, label: str, parts: list[Flow]) -> list[Flow]:
    return [Flow(kind=kind, label=_short(label), parts=tuple(parts))] if parts else []


def _one(parts: list[Flow]) -> Flow:
    return parts[0] if len(parts) == 1 else Flow(kind="then", parts=tuple(parts))


def _side_by_side(branches: list[Flow]) -> list[Flow]:
    if len(branches) == 1 and branches[0].kind == "each":
        return [replace(branches[0], label=f"{branches[0].label}, together")]
    return [Flow(kind="together", parts=tuple(branches))] if len(branches) > 1 else branches


def _loop_text(node: ast.For | ast.AsyncFor | ast.comprehension) -> str:
    return f"{ast.unparse(node.target)} in {ast.unparse(node.iter)}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _attribute_of_self(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return ""
