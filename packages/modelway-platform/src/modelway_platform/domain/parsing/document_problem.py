"""What is wrong with a document and where, shown as a compiler would: file, line, column, the line, a caret."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.parsing.document_node import Mark

# The line breaks a YAML reader counts.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_SNIPPET_WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend; `hint` says how."""

    file: str
    mark: Mark
    message: str
    hint: str = ""


def problem_detail(problem: Problem, text: str) -> dict[str, Any]:
    """The machine-readable form, with the line of `text` it is about and a caret under the place."""
    return {
        "file": problem.file,
        "line": problem.mark.line,
        "column": problem.mark.column,
        "message": problem.message,
        "hint": problem.hint,
        "snippet": snippet(text, problem.mark),
    }


def snippet(text: str, mark: Mark) -> str:
    """The line at `mark`, shortened if need be, and a caret below the column."""
    lines = _LINE_BREAK.split(text)
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    start = max(0, mark.column - 1 - _SNIPPET_WIDTH // 2) if len(line) > _SNIPPET_WIDTH else 0
    shown = line[start : start + _SNIPPET_WIDTH]
    before = shown[: mark.column - 1 - start]
    # Tabs stay tabs, so that the caret stands below its character however wide they are shown.
    indent = "".join("\t" if character == "\t" else " " for character in before)
    return f"{_printable(shown)}\n{indent}^"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "replicas"?`, or what there is to choose from, the most alike first."""
    choices = list(known)
    folded = {choice.lower().replace("_", "").replace("-", ""): choice for choice in choices}
    same = folded.get(word.lower().replace("_", "").replace("-", ""))
    close = [same] if same else difflib.get_close_matches(word[:100], choices, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    alike = sorted(choices, key=lambda choice: (-difflib.SequenceMatcher(None, word[:100], choice).ratio(), choice))
    return f"known: {', '.join(alike)}" if choices else ""


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() or character == "\t" else "\ufffd" for character in line)
