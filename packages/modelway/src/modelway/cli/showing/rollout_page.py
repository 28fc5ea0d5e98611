"""A rollout as people look at it: its steps, weights now and next, what each check says, and its history."""

from collections.abc import Sequence
from typing import Any

from modelway.cli.showing.object_tables import Object, member, members, number, text
from modelway.cli.showing.output import Style, paint
from modelway.cli.showing.table_text import Cell, Row, one_line, table_lines
from modelway.cli.showing.time_text import age, date_and_time

PHASE_STYLES: dict[str, Style] = {
    "Running": "cyan",
    "Promoted": "green",
    "RolledBack": "red",
    "Aborted": "yellow",
    "TakenOver": "yellow",
    "Stopped": "red",
    "Paused": "yellow",
}
_VERDICTS: dict[str, Style] = {"good": "green", "worse": "red", "hold": "yellow"}
_CHECK_COLUMNS = ("check", "verdict", "stable", "canary", "difference between", "allowed", "left to go")
_MOVE_COLUMNS = ("run", "when", "move", "step", "weights", "by", "why")
UNDER_WAY = frozenset({"Waiting", "Running", "Paused"})


def rollout_lines(item: Object) -> list[str]:
    """Everything about where a rollout stands."""
    spec, status = member(item, "spec"), member(item, "status")
    phase, report = text(status, "phase"), member(status, "report")
    head = f"{text(member(item, 'metadata'), 'name')}  {text(spec, 'from')} → {text(spec, 'to')}"
    lines = [
        paint(head, "bold") + f"  {paint(phase, PHASE_STYLES.get(phase, 'yellow'))}{_since(status)}",
        "",
        step_bar(item),
        f"now   {shares_text(status, 'weights')}"
        + (f"    next  {shares_text(status, 'next')}" if status.get("next") else ""),
    ]
    if report:
        lines += ["", _requests_line(report), ""]
        lines += table_lines(_CHECK_COLUMNS, [_check_row(each) for each in members(report, "checks")])
        if phase in UNDER_WAY:
            lines += ["", *verdict_lines(report)]
    return [*lines, *_commit_lines(member(status, "commits")), "", one_line(text(status, "message"))]


def _commit_lines(commits: Object) -> list[str]:
    """`Git   2 moves in source fleet, 1 owed: it ended the connection`."""
    if not commits:
        return []
    pushed, owed, failed = (int(number(commits, each)) for each in ("pushed", "owed", "failed"))
    source, problem = one_line(text(commits, "source")), one_line(text(commits, "problem"))
    parts = [f"{pushed} moves in source {source}" if source else "no moves"]
    parts += [f"{owed} owed"] * bool(owed) + [f"{failed} failed"] * bool(failed)
    line = "Git   " + ", ".join(parts) + (f": {problem}" if problem and (owed or failed or not pushed) else "")
    return ["", paint(line, "yellow") if owed or failed or problem else line]


def step_bar(item: Object) -> str:
    """`● 5% ━━ ◉ 25% ┄┄ ○ 100%`: behind, here, to come."""
    spec, status = member(item, "spec"), member(item, "status")
    shares = [*(int(number(step, "weight")) for step in members(spec, "steps")), 100]
    here, phase = int(number(status, "step")), text(status, "phase")
    if phase == "Promoted":
        here = len(shares)
    parts: list[str] = []
    for position, share in enumerate(shares, 1):
        mark = "◉" if position == here else "●" if position < here else "○"
        link = " ━━ " if position <= here else " ┄┄ "
        label = f"{mark} {share}%"
        parts.append((link if parts else "") + (paint(label, "bold") if position == here else label))
    return "".join(parts)


def verdict_lines(report: Object) -> list[str]:
    """The verdict in words, one check a line."""
    return [
        paint(one_line(text(each, "words")), _VERDICTS.get(text(each, "verdict"), "bold"))
        for each in members(report, "checks")
    ]


def progress_text(item: Object) -> str:
    """Where it stands in one line, for those who follow without a terminal."""
    status = member(item, "status")
    report = member(status, "report")
    verdict = f", {text(report, 'verdict')}" if text(status, "phase") in UNDER_WAY and report else ""
    step = f"step {text(status, 'step')} of {text(status, 'steps')}"
    return f"{text(status, 'phase')}, {step}: {shares_text(status, 'weights')}{verdict}: {one_line(text(status, 'message'))}"


def shares_text(item: Object, name: str) -> str:
    """`v1 75%, v2 25%`."""
    shares = members(item, name)
    total = sum(number(each, "weight") for each in shares) or 1
    return (
        ", ".join(f"{one_line(text(each, 'version'))} {number(each, 'weight') * 100 / total:.3g}%" for each in shares)
        or "-"
    )


def move_table(moves: Sequence[Object]) -> tuple[Sequence[str], list[Row]]:
    """Columns and rows of the history, oldest first; with commits, where some of it is to be in Git."""
    rows = _move_rows(moves)
    if not any(move.get("commit") for move in moves):
        return _MOVE_COLUMNS, rows
    commits = [_commit_text(member(move, "commit")) for move in moves]
    columns = (*_MOVE_COLUMNS[:-1], "commit", "why")
    return columns, [(*row[:-1], commit, row[-1]) for row, commit in zip(rows, commits, strict=True)]


def _commit_text(commit: Object) -> str:
    state = text(commit, "state")
    return one_line(text(commit, "commit"))[:12] if state == "Pushed" else state.lower() or "-"


def _move_rows(moves: Sequence[Object]) -> list[Row]:
    return [
        (
            text(move, "run"),
            date_and_time(move.get("at")),
            text(move, "kind"),
            text(move, "step"),
            _moved_text(move),
            one_line(text(move, "author")),
            one_line(text(move, "words")),
        )
        for move in moves
    ]


def number_lines(moves: Sequence[Object]) -> list[str]:
    """What each move rested on, where it rested on something."""
    lines: list[str] = []
    for move in moves:
        numbers = member(move, "numbers")
        if not numbers:
            continue
        lines += [
            "",
            paint(f"run {text(move, 'run')}, {text(move, 'kind')} at {date_and_time(move.get('at'))}", "bold"),
        ]
        lines += [_requests_line(numbers)]
        lines += table_lines(_CHECK_COLUMNS, [_check_row(each) for each in members(numbers, "checks")], indent="  ")
    return lines


def _moved_text(move: Object) -> str:
    before, after = shares_text(move, "before"), shares_text(move, "after")
    return after if before == after else f"{before} → {after}"


def _since(status: Object) -> str:
    ended = status.get("endedAt")
    if ended:
        return f" {age(ended)} ago"
    return f" for {age(status.get('stepAt'))}" if status.get("stepAt") else ""


def _requests_line(report: Object) -> str:
    seen = ", ".join(
        f"{one_line(text(each, 'version'))} {int(number(each, 'requests')):,} requests, {int(number(each, 'errors')):,} errors"
        for each in members(report, "versions")
    )
    return f"step {text(report, 'step')}: {seen}; at least {int(number(report, 'minimumRequests')):,} asked"


def _check_row(check: Object) -> Row:
    verdict, agreement = text(check, "verdict"), text(check, "metric") == "agreement"
    left = int(number(check, "requestsLeft"))
    limit = number(check, "limit") * 100
    unit = "%" if text(check, "unit") == "ms" or agreement else "points"
    return (
        one_line(text(check, "name")),
        Cell(verdict, _VERDICTS.get(verdict, "bold")),
        _value(check.get("baseline"), check),
        _value(check.get("candidate"), check),
        _interval(member(check, "interval"), unit, signed=not agreement),
        f"at least {limit:.4g} %" if agreement else f"{limit:+.3g} {unit}",
        f"{left:,}" if left else "-",
    )


def _interval(interval: Object, unit: str, *, signed: bool) -> str:
    ends: list[Any] = [interval.get("low"), interval.get("high")]
    sign = "+" if signed else ""
    texts = [f"{each * 100:{sign}.3g}" if _is_number(each) else "?" for each in ends]
    return f"{texts[0]} and {texts[1]} {unit}"


def _value(value: Any, check: Object) -> str:
    if not _is_number(value):
        return "-"
    return f"{value:.4g} ms" if text(check, "unit") == "ms" else f"{value * 100:.3g} %"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
