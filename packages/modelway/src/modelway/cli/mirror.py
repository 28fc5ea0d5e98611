"""`modelway mirror report`: how often another version would have said the same, and where it differs most."""

import argparse
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.object_tables import Object, members, number, text
from modelway.cli.showing.output import note, paint
from modelway.cli.showing.table_text import Cell, Row, one_line, table_lines
from modelway.cli.showing.time_text import date_and_time
from modelway.cli.showing.yaml_text import to_yaml

_PAIR_COLUMNS = (
    "from", "to", "endpoint", "copies", "failed", "compared", "agreed", "score", "p50", "p99", "copy's p50", "copy's p99",
)  # fmt: skip
_EXAMPLE_COLUMNS = ("worst", "score", "request id", "why")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="report")
    report = verbs.add_parser(
        "report", help="agreement between versions, with the worst examples", formatter_class=HelpFormatter
    )
    report.add_argument("model", metavar="PROJECT/MODEL", help="whose requests are copied")
    report.add_argument(
        "--since", default="", metavar="TIME", help="30s, 90m, 2h, 7d, or a time as 2026-11-22T04:00:00Z; default: 1d"
    )
    report.add_argument("--examples", type=int, default=5, metavar="N", help="worst examples of each pair; default: 5")
    report.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    add_connection_options(report)


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        answer = client.mirror_report(args.model, since=args.since, examples=args.examples)
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
    elif args.output == "yaml":
        print(to_yaml(answer), end="")
    else:
        print("\n".join(_page(answer)))
        if not members(answer, "pairs"):
            note(f"no copies of {args.model}'s requests are on record; mirrors are declared in its Route")
    return EXIT_OK


def _page(answer: Object) -> list[str]:
    pairs = members(answer, "pairs")
    lines = [f"{text(answer, 'project')}/{text(answer, 'model')} since {date_and_time(answer.get('since'))}"]
    if pairs:
        lines += ["", *table_lines(_PAIR_COLUMNS, [_pair_row(each) for each in pairs])]
    for pair in pairs:
        if worst := members(pair, "worst"):
            title = f"{text(pair, 'from')} → {text(pair, 'to')} {text(pair, 'endpoint')}"
            lines += [
                "",
                paint(one_line(title), "bold"),
                *table_lines(_EXAMPLE_COLUMNS, [_example(each) for each in worst]),
            ]
    return lines


def _pair_row(pair: Object) -> Row:
    compared, failed = int(number(pair, "compared")), int(number(pair, "failed"))
    rate = pair.get("agreementRate")
    return (
        one_line(text(pair, "from")),
        one_line(text(pair, "to")),
        one_line(text(pair, "endpoint")),
        text(pair, "copies"),
        Cell(str(failed), "red") if failed else "0",
        str(compared),
        Cell(f"{rate * 100:.2f} %", "green" if rate == 1 else "yellow") if isinstance(rate, int | float) else "-",
        _figure(pair.get("meanScore")),
        _milliseconds(pair.get("primaryP50Ms")),
        _milliseconds(pair.get("primaryP99Ms")),
        _milliseconds(pair.get("mirrorP50Ms")),
        _milliseconds(pair.get("mirrorP99Ms")),
    )


def _example(each: Object) -> Row:
    return (
        date_and_time(each.get("time")),
        _figure(each.get("score")),
        one_line(text(each, "requestId")),
        one_line(text(each, "why")),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _figure(value: Any) -> str:
    return f"{value:.4g}" if _is_number(value) else "-"


def _milliseconds(value: Any) -> str:
    return f"{value:.4g} ms" if _is_number(value) else "-"


COMMAND = Command(
    name="mirror",
    help="copies of requests: how often another version says the same",
    example="modelway mirror report vision/digits\nmodelway mirror report vision/digits --since 2h -o json",
    add_arguments=_add_arguments,
    run=_run,
)
