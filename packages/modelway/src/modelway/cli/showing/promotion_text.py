"""Promotions as a table, and one of them with what its gates said."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from modelway.cli.showing.object_tables import Object, member, members, short_digest, text
from modelway.cli.showing.output import Style, paint
from modelway.cli.showing.table_text import Cell, Row, one_line, printable, table_lines
from modelway.cli.showing.time_text import age, date_and_time

UNDER_WAY = frozenset({"Pending", "Paused", "Promoting"})
COLUMNS = ("number", "deployment", "from", "to", "state", "promoter", "age", "message")
_STYLES: Mapping[str, Style] = {
    "Promoted": "green",
    "Passed": "green",
    "Refused": "red",
    "Rejected": "red",
    "Failed": "red",
    "Aborted": "dim",
}
_SHORT = 12


def promotion_row(promotion: Object) -> Row:
    """A promotion under `COLUMNS`."""
    return (
        text(promotion, "number"),
        text(promotion, "deployment"),
        text(promotion, "fromStage"),
        text(promotion, "toStage"),
        _state(text(promotion, "state")),
        one_line(text(promotion, "promoter")),
        age(promotion.get("createdAt")),
        one_line(text(promotion, "message")),
    )


def promotion_lines(promotion: Object) -> Sequence[str]:
    """All of one promotion."""
    state = _state(text(promotion, "state"))
    message = one_line(text(promotion, "message"))
    way = f"{text(promotion, 'fromStage')} → {text(promotion, 'toStage')}"
    asked = f"{one_line(text(promotion, 'promoter'))}, {date_and_time(promotion.get('createdAt'))}"
    lines = [
        paint(f"Promotion {text(promotion, 'number')}  {text(promotion, 'deployment')}  {way}", "bold"),
        f"State     {paint(state.text, state.style)}{': ' + message if message else ''}",
        f"Asked by  {asked} ({age(promotion.get('createdAt'))} ago), at revision {text(promotion, 'revision')}",
    ]
    if text(promotion, "reason"):
        lines.append(f"Reason    {one_line(text(promotion, 'reason'))}")
    lines.append(f"Package   {short_digest(text(promotion, 'package'))}")
    if text(promotion, "source"):
        commit = text(promotion, "commit")
        lines.append(f"Source    {text(promotion, 'source')}{', commit ' + commit[:_SHORT] if commit else ''}")
    rows: list[Row] = [
        (text(each, "gate"), _state(text(each, "state")), one_line(text(each, "message")), _evidence(each))
        for each in members(promotion, "gates")
    ]
    lines += ["", paint("Gates", "bold")]
    lines += table_lines(("gate", "says", "why", "seen"), rows, indent="  ") if rows else ["  none asked yet"]
    said: list[Row] = [
        (
            one_line(text(each, "author")),
            "approved" if each.get("approved") is True else "rejected",
            date_and_time(each.get("at")),
            one_line(text(each, "comment")),
        )
        for each in members(promotion, "approvals")
    ]
    if said:
        lines += ["", paint("Approvals", "bold"), *table_lines(("who", "said", "when", "comment"), said, indent="  ")]
    return lines


def _state(word: str) -> Cell:
    return Cell(word or "-", _STYLES.get(word, "yellow"))


def _evidence(gate: Object) -> str:
    seen: list[str] = []
    for name, value in member(gate, "evidence").items():
        if isinstance(value, list):
            entries = cast("list[Any]", value)
            shown = len(entries) if entries and isinstance(entries[0], dict) else ", ".join(map(str, entries)) or "none"
            seen.append(f"{name} {shown}")
        elif value not in (None, ""):
            seen.append(f"{name} {json.dumps(value)}")
    return printable("; ".join(seen))
