"""Aligned tables as lines: with colour by cell, wide characters counted, and cut to the terminal's width."""

import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO

from modelway.cli.showing.output import Style, paint


class Cell(NamedTuple):
    """A cell that is coloured on a terminal."""

    text: str
    style: Style


Row = Sequence[str | Cell]


def table_lines(
    columns: Sequence[str], rows: Iterable[Row], *, indent: str = "", cut: bool = True, stream: TextIO | None = None
) -> list[str]:
    """The head and a line per row, columns two spaces apart.

    Args:
        columns: Heads, printed in capitals; none for a table without a head.
        rows: As many cells as columns.
        indent: Before every line.
        cut: On a terminal, whether lines longer than it is wide lose their end, so that a table stays a table.
        stream: Where the lines will be printed; stdout unless given.
    """
    target = sys.stdout if stream is None else stream
    table: list[Row] = [[Cell(column.upper(), "bold") for column in columns]] if columns else []
    table += rows
    widths = [max(display_width(_text(cell)) for cell in column) for column in zip(*table, strict=True)]
    limit = terminal_width(target) if cut else None
    return [_line(row, widths, indent, limit, target) for row in table]


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal; None when `stream` is not one."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def display_width(text: str) -> int:
    """Columns a terminal needs for it."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def one_line(text: str) -> str:
    """`text` without line ends and control characters, which would break a table or steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def printable(text: str) -> str:
    """`text` with control characters other than line ends and tabs made harmless; spaces stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def _line(row: Row, widths: Sequence[int], indent: str, limit: int | None, stream: TextIO) -> str:
    parts = [indent]
    left = None if limit is None else max(limit - len(indent), 20)
    last = max((index for index, cell in enumerate(row) if _text(cell)), default=0)
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        text = _text(cell)
        if left is not None:
            text = _cut(text, left)
            left -= width + 2
        painted = paint(text, cell.style, stream) if isinstance(cell, Cell) and text else text
        parts.append(painted)
        if index >= last or (left is not None and left <= 0):
            break
        parts.append(" " * (width - display_width(text) + 2))
    return "".join(parts).rstrip()


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _cut(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    kept = ""
    for character in text:
        if display_width(kept + character) > width - 1:
            break
        kept += character
    return kept + "…"
