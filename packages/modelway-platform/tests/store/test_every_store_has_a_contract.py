"""Each store has tests in this folder that run on every kind of database, and each of its words is said there."""

import ast
from pathlib import Path
from typing import Any

import pytest
from journeys.store_classes import stores, words_of

HERE = Path(__file__).parent
# Fixtures of this folder that run a test once on each kind of database.
ON_BOTH = {"database", "place", "documents", "pair", "empty"}


def called_on_both() -> set[str]:
    """`Class.word` for each method that a test calls on every kind of database, in a module that names the class."""
    found: set[str] = set()
    for path in HERE.glob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        # What helpers of the module say counts as well: they are called by its tests.
        tests = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            and (not node.name.startswith("test_") or ON_BOTH & {each.arg for each in node.args.args})
        ]
        words = {
            node.func.attr
            for test in tests
            for node in ast.walk(test)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        found |= {f"{name}.{word}" for name in names for word in words}
    return found


@pytest.mark.parametrize("store", stores(), ids=lambda store: store.__name__)
def test_every_word_of_every_store_is_said_on_each_database(store: type[Any]) -> None:
    said = called_on_both()
    missing = sorted(word for word in words_of(store) if f"{store.__name__}.{word}" not in said)
    assert missing == [], f"{store.__name__} has no test on both databases of {missing}"


def test_the_stores_are_found() -> None:
    assert {"Documents", "Tokens", "Lease", "ClusterApprovals", "Webhooks"} <= {each.__name__ for each in stores()}
