"""Finds what a project's code imports but does not declare: it works in the modeller's environment and nowhere else."""

import ast
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from modelway.packaging.lock import SDK
from modelway.packaging.project_files import Member


def undeclared_imports(members: Iterable[Member], declared: Iterable[str]) -> tuple[str, ...]:
    """One line per imported distribution that is not `declared` (normalised distribution names).

    Only imports at the top level of a module count: one inside a function or a `try` may be optional.
    """
    code = [member for member in members if member.role == "code"]
    own = {_module(member.path) for member in code}
    known = set(declared)
    providers = importlib.metadata.packages_distributions()
    lines: dict[str, None] = {}
    for member in code:
        for name in _imported(member.source):
            if name in own or name in sys.stdlib_module_names or name == SDK:
                continue
            distributions = {_normalised(each) for each in providers.get(name, (name,))}
            if not distributions & known:
                provider = min(distributions)
                lines[f"{member.path.removeprefix('code/')} imports {name}, but '{provider}' is not a dependency"] = (
                    None
                )
    return tuple(lines)


def _module(path: str) -> str:
    return path.removeprefix("code/").partition("/")[0].removesuffix(".py")


def _normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _imported(source: Path) -> Iterator[str]:
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError):
        return  # importing it says so better
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
