"""Shows what is wrong with documents: file:line:column, the line itself with a caret, what to do; several at once."""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from modelway.cli.showing.output import note, paint
from modelway.cli.showing.table_text import display_width, printable
from modelway.client import DocumentFile
from modelway.errors import ModelwayError

_WORD = re.compile(r"[\w./@-]+(?::[\w./@-]+)*|\S")
# What the platform counts as line ends, too.
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_LONGEST_LINE = 120


def print_problems(error: ModelwayError, files: Sequence[DocumentFile]) -> None:
    """Every problem in `error.details` on stderr, then one line that says how many and that nothing was done."""
    lines_of = {file.name: _LINE_END.split(file.text) for file in files}
    for problem in error.details:
        _print_problem(problem, lines_of)
    count = len(error.details)
    head = paint(f"error[{error.error_code}]", "red", sys.stderr)
    if not count:
        note(f"{head}: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
        return
    names = sorted({str(problem.get("file", "")) for problem in error.details} - {""})
    where = f" in {names[0]}" if len(names) == 1 else f" in {len(names)} files" if names else ""
    note(f"{head}: {count} problem{'s' if count > 1 else ''}{where}; nothing was applied")


def _print_problem(problem: Mapping[str, Any], lines_of: Mapping[str, Sequence[str]]) -> None:
    file, line, column = str(problem.get("file") or ""), problem.get("line"), problem.get("column")
    place = ":".join(str(part) for part in (file, line, column) if part)
    message = printable(str(problem.get("message") or "not acceptable"))
    note(f"{paint(place, 'bold', sys.stderr)}: {message}" if place else message)
    lines = lines_of.get(file, ())
    if isinstance(line, int) and 1 <= line <= len(lines) and lines[line - 1].strip():
        _print_source(lines[line - 1], line, column if isinstance(column, int) else None)
    elif not lines and (snippet := problem.get("snippet")):
        note("\n".join(f"    {text}" for text in printable(str(snippet)).splitlines()))
    if hint := problem.get("hint"):
        note(f"  {paint('hint', 'cyan', sys.stderr)}: {printable(str(hint))}")
    note("")


def _print_source(source: str, line: int, column: int | None) -> None:
    margin = f"{line:>5} | "
    place = (column or 1) - 1
    start = max(0, place - _LONGEST_LINE // 2) if len(source) > _LONGEST_LINE else 0
    text = printable(source[start : start + _LONGEST_LINE]).replace("\t", " ")
    note(paint(margin, "dim", sys.stderr) + text)
    if column is not None and 0 <= place <= len(source):
        word = _WORD.match(text, place - start)
        width = display_width(word.group()) if word else 1
        before = " " * display_width(text[: place - start])
        note(f"{paint('      | ', 'dim', sys.stderr)}{before}{paint('^' * width, 'red', sys.stderr)}")
