"""`modelway traffic`: who called what in a stretch of time, and the weights and mirrors that routes had then."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.object_tables import Object, members, number, text
from modelway.cli.showing.output import note, paint
from modelway.cli.showing.table_text import Cell, Row, one_line, table_lines
from modelway.cli.showing.time_text import date_and_time

_COLUMNS = ("caller", "model", "version", "weight", "requests", "refused", "failed", "p50", "p99")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", default="", metavar="TARGET", help="PROJECT[/MODEL]; default: everything that may be seen"
    )
    parser.add_argument(
        "--since", default="1h", metavar="TIME", help="90m, 2h, 7d ago, or an RFC 3339 time; default: 1h"
    )
    parser.add_argument("--until", default="", metavar="TIME", help="in the same words; default: now")
    parser.add_argument(
        "--steps", type=int, default=1, metavar="N", help="divide it into at most so many steps; default: 1, the whole"
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    add_connection_options(parser)
    parser.set_defaults(usage_error=parser.error)


def _run(args: argparse.Namespace) -> int:
    target: str = args.target
    parts = target.split("/") if target else []
    if len(parts) > 2 or not all(parts):
        args.usage_error(f"{target!r} is not PROJECT[/MODEL]")
    project, model = [*parts, "", ""][:2]
    with open_control(args) as client:
        told = client.traffic(project=project, model=model, since=args.since, until=args.until, steps=args.steps)
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        print("\n".join(_page(told)))
    for each in told["unknown"]:
        note(str(each))
    return EXIT_OK


def _page(told: Object) -> Iterator[str]:
    steps = [each for each in members(told, "steps") if each["source"] != "quiet"]
    for step in steps:
        at = number(step, "at")
        begin, end = date_and_time(at), date_and_time(at + number(told, "step"))
        yield paint(f"{begin} to {end[11:] if end[:10] == begin[:10] else end}", "bold")
        if step["source"] == "unknown":
            yield "nothing is kept of it"
        else:
            calls = [each for each in members(told, "calls") if each["at"] == at]
            yield from table_lines(_COLUMNS, [_row(each, told) for each in calls])
        yield ""
    if not steps:
        yield "nobody called in this time"
    yield from _routes(told)


def _row(calls: Object, told: Object) -> Row:
    failed = int(number(calls, "failed"))
    caller = f"{text(calls, 'consumer') or '-'}{' (copies)' if calls.get('mirrored') else ''}"
    return (
        one_line(caller),
        f"{text(calls, 'project')}/{text(calls, 'model')}",
        text(calls, "version") or "-",
        _weight(calls, told),
        str(number(calls, "requests")),
        str(number(calls, "refused")),
        Cell(str(failed), "red") if failed else "0",
        _ms(calls.get("p50Ms")),
        _ms(calls.get("p99Ms")),
    )


def _weight(calls: Object, told: Object) -> str:
    """The version's share by the route that was in force, and what it became where that changed within the step."""
    revisions = [
        each for route in members(told, "routes") if _same(route, calls) for each in members(route, "revisions")
    ]
    begin, end = number(calls, "at"), number(calls, "at") + number(told, "step")
    before = [each for each in revisions if number(each, "at") <= begin][-1:] or revisions[:1]
    within = [each for each in revisions if begin < number(each, "at") < end and each not in before]
    shares = [_share(members(each, "weights"), calls["version"]) for each in (*before, *within)]
    different = [each for each, last in zip(shares, (None, *shares), strict=False) if each != last]
    return " → ".join(different) if any(share != "-" for share in shares) and not calls.get("mirrored") else "-"


def _share(weights: Sequence[Object], version: Any) -> str:
    total = sum(number(each, "weight") for each in weights)
    own = sum(number(each, "weight") for each in weights if each["version"] == version)
    return f"{100 * own / total:.0f} %" if total else "-"


def _same(route: Object, calls: Object) -> bool:
    return (route["project"], route["model"]) == (calls["project"], calls["model"])


def _routes(told: Object) -> Iterator[str]:
    rows: list[Row] = []
    for route in members(told, "routes"):
        for each in members(route, "revisions"):
            said = number(each, "revision")
            rows.append(
                (
                    f"{route['project']}/{route['model']}",
                    date_and_time(each["at"]) if said else "-",
                    f"#{said}" if said else "-",
                    ", ".join(f"{one['version']}={one['weight']}" for one in members(each, "weights"))
                    or "no route: all to the first version that was ready",
                    ", ".join(_mirror(one) for one in members(each, "mirrors")) or "-",
                    text(each, "author") or "-",
                )
            )
    if rows:
        yield from table_lines(("route", "since", "revision", "weights", "mirrors", "by"), rows)


def _mirror(mirror: Object) -> str:
    return f"{100 * number(mirror, 'share'):g} % of {text(mirror, 'from') or 'all'} to {mirror['to']}"


def _ms(value: Any) -> str:
    return "-" if value is None else f"{value:.1f} ms"


COMMAND = Command(
    name="traffic",
    help="who called what in a stretch of time, and the weights and mirrors that routes had then",
    example="modelway traffic\nmodelway traffic vision/digits --since 2h --until 1h\nmodelway traffic --since 30m --steps 30",
    add_arguments=_add_arguments,
    run=_run,
)
