"""Rows of the tables below one object: its conditions, revisions, events and replicas."""

from collections.abc import Sequence

from modelway.cli.showing.object_tables import Object, member, members, number, phase_cell, text
from modelway.cli.showing.revision_changes import changes_text
from modelway.cli.showing.table_text import Cell, Row, one_line
from modelway.cli.showing.time_text import age, date_and_time

CLUSTER_COLUMNS = ("step", "cluster", "phase", "ready", "updated", "reached", "message")
CONDITION_COLUMNS = ("condition", "met", "reason", "since", "message")
REVISION_COLUMNS = ("revision", "when", "by", "cause", "changes")
EVENT_COLUMNS = ("last", "type", "reason", "count", "message")
_MET = {True: Cell("yes", "green"), False: Cell("no", "red"), None: Cell("not yet", "yellow")}


def condition_rows(item: Object) -> list[Row]:
    """A deployment's conditions, each on one line."""
    return [
        (
            text(condition, "type"),
            _MET[value if isinstance(value := condition.get("status"), bool) else None],
            text(condition, "reason"),
            age(condition.get("since")),
            one_line(text(condition, "message")),
        )
        for condition in members(member(item, "status"), "conditions")
    ]


def cluster_rows(item: Object) -> list[Row]:
    """What is there of a deployment on each of several clusters, in the order of their steps."""
    return [
        (
            text(each, "step"),
            text(each, "name"),
            phase_cell(text(each, "phase")),
            f"{number(member(each, 'replicas'), 'ready')}/{number(member(each, 'replicas'), 'wanted')}",
            text(member(each, "replicas"), "updated"),
            age(each.get("passedAt")) if each.get("passedAt") else "-",
            one_line(text(each, "message")),
        )
        for each in sorted(members(member(item, "status"), "clusters"), key=lambda each: number(each, "step"))
    ]


def revision_rows(revisions: Sequence[Object]) -> list[Row]:
    """A document's history, oldest first, with what each revision changed."""
    before: list[Object | None] = [None, *revisions]
    return [
        (
            text(revision, "number"),
            date_and_time(revision.get("createdAt")),
            one_line(text(revision, "author")),
            one_line(text(revision, "cause")),
            changes_text(previous, revision),
        )
        for previous, revision in zip(before, revisions, strict=False)
    ]


def event_rows(events: Sequence[Object]) -> list[Row]:
    """What happened, oldest first; equal ones in a row were counted."""
    return [
        (
            age(event.get("lastAt")),
            Cell(text(event, "type"), "yellow") if text(event, "type") == "Warning" else text(event, "type"),
            text(event, "reason"),
            text(event, "count"),
            one_line(text(event, "message")),
        )
        for event in events
    ]
