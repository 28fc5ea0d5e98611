"""`modelway audit`: who changed what, when and from where."""

import argparse
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.table_text import Row, table_lines
from modelway.cli.showing.time_text import date_and_time, seconds_of

_HEAD = ("number", "time", "who", "role", "from", "did", "what", "changes")
_SHOWN = 3


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--kind", default="", metavar="KIND", help="only changes of a Deployment, Route, Cluster, Key, Token, …")
    add("--name", default="", metavar="NAME", help="only changes of this one: vision/digits/v1")
    add("--who", default="", metavar="WHO", help="only changes by this key or token, by its name")
    add("--did", default="", metavar="WHAT", help="only this: created, changed, deleted, paused, rotated, …")
    add("--project", default="", metavar="PROJECT", help="only changes of what is of this project")
    add("--since", default="", metavar="TIME", help="from when on: 90m, 2h, 7d, or a time with its zone")
    add("--until", default="", metavar="TIME", help="until when, in the same form")
    add("--request", default="", metavar="ID", help="only changes by this request")
    add("--tail", type=int, default=50, metavar="N", help="how many, the newest; default: 50")
    add("-f", "--follow", action="store_true", help="go on with those to come")
    add("-o", "--output", choices=("table", "json"), default="table", help="json: a line per change, with every field")
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        chosen = {"kind": args.kind, "name": args.name, "actor": args.who, "action": args.did, "project": args.project}
        times = {"since": args.since, "until": args.until, "request_id": args.request}
        entries = client.audit(**chosen, **times, most=args.tail)
        _show(args, entries, head=True)
        if args.follow:
            # From the newest of all: what was filtered out is not told again.
            newest = client.audit(most=1)
            for entry in client.watch_audit(since=newest[-1]["sequence"] if newest else 0, **chosen):
                _show(args, [entry], head=False)
    return EXIT_OK


def _show(args: argparse.Namespace, entries: list[dict[str, Any]], *, head: bool) -> None:
    if args.output == "json":
        for entry in entries:
            print(msgspec.json.encode(entry).decode(), flush=True)
        return
    lines = table_lines(_HEAD, [_row(each) for each in entries])
    print("\n".join(lines if head else lines[1:]), flush=True)


def _row(entry: dict[str, Any]) -> Row:
    actor = entry["actor"]
    at = seconds_of(entry["at"])
    revision = f" (revision {entry['revision']})" if entry["revision"] else ""
    return (
        str(entry["sequence"]),
        "-" if at is None else date_and_time(at),
        actor["name"],
        actor["role"],
        f"{actor['origin']} {actor['transport']}".strip() or "-",
        entry["action"],
        f"{entry['kind']} {entry['name']}{revision}",
        changes_text(entry["changes"]),
    )


def changes_text(changes: list[dict[str, Any]]) -> str:
    """The first few, short."""
    told = [f"{each['path']}: {_value(each['from'])} → {_value(each['to'])}" for each in changes[:_SHOWN]]
    more = len(changes) - _SHOWN
    return "; ".join([*told, *([f"and {more} more"] if more > 0 else [])]) or "-"


def _value(value: Any) -> str:
    text = "-" if value is None else msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else f"{text[:39]}…"


COMMAND = Command(
    name="audit",
    help="who changed what, when and from where",
    example="modelway audit\nmodelway audit --kind Route --name vision/digits\nmodelway audit --who ci -o json\nmodelway audit -f",
    add_arguments=_add_arguments,
    run=_run,
)
