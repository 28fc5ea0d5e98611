"""`modelway logs query` and `modelway logs ask`: questions of the collected records, in SQL or ready made."""

import argparse
import csv
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.output import note, paint
from modelway.cli.showing.table_text import one_line, table_lines
from modelway.errors import InvalidRequestError

_MOST_CELL = 200


def _add_bounds(parser: argparse.ArgumentParser, *, since: str, rows: int) -> None:
    default = f"default: {since}" if since else "default: all there are"
    parser.add_argument(
        "--since",
        default=since,
        metavar="TIME",
        help=f"records of the last 90m, 2h, 7d, or from an RFC 3339 time on; {default}",
    )
    parser.add_argument("--limit", type=int, default=rows, metavar="ROWS", help=f"rows at most; default: {rows}")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="after which it is given up; default: 30"
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "csv"),
        default="table",
        help="json: one object per row; default: table",
    )
    add_connection_options(parser)
    parser.set_defaults(usage_error=parser.error)


def _add_query_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sql",
        metavar="SQL",
        help="one SELECT over the views access, inference, requests, feedback and predictions, in DuckDB's SQL; - reads it from stdin",
    )
    _add_bounds(parser, since="", rows=1000)


def _add_ask_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "question", nargs="?", default="", metavar="QUESTION", help="which; without one they are listed"
    )
    parser.add_argument(
        "target", nargs="?", default="", metavar="TARGET", help="PROJECT[/MODEL[/VERSION]]; default: everything"
    )
    parser.add_argument("--sql", action="store_true", help="print the SQL instead of the answer")
    _add_bounds(parser, since="1h", rows=20)


def _run_query(args: argparse.Namespace) -> int:
    sql: str = sys.stdin.read() if args.sql == "-" else args.sql
    with open_control(args) as client:
        answer = client.query_logs(sql, since=args.since, rows=args.limit, seconds=args.timeout)
    _show(answer, args.output)
    return EXIT_OK


def _run_ask(args: argparse.Namespace) -> int:
    target: str = args.target
    parts = target.split("/") if target else []
    if len(parts) > 3 or not all(parts):
        args.usage_error(f"{args.target!r} is not PROJECT[/MODEL[/VERSION]]")
    with open_control(args) as client:
        if not args.question:
            rows = [(each["name"], each["about"]) for each in client.log_questions()]
            print("\n".join(table_lines(("question", "answers"), rows)))
            return EXIT_OK
        said = client.ask_logs(
            args.question, model=args.target, since=args.since, rows=args.limit, seconds=args.timeout
        )
    if args.sql:
        print(said["sql"])
    else:
        _show(said["answer"], args.output)
    return EXIT_OK


def _show(answer: dict[str, Any], form: str) -> None:
    names = [str(each["name"]) for each in answer["columns"]]
    rows: list[list[Any]] = answer["rows"]
    match form:
        case "json":
            for row in rows:
                print(msgspec.json.encode(dict(zip(names, row, strict=True))).decode())
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([["" if value is None else _plain(value) for value in row] for row in rows])
        case _:
            print("\n".join(_table(names, rows)))
    if answer.get("truncated"):
        note(f"there are more rows than {len(rows)}: --limit")


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    if names == ["explain_key", "explain_value"]:
        return [str(value) for _, value in rows]
    if not names:
        raise InvalidRequestError("an answer without columns")
    if not rows:
        return [*table_lines(names, []), paint("no rows", "dim")]
    cells = [[one_line(_plain(value))[:_MOST_CELL] if value is not None else "-" for value in row] for row in rows]
    return table_lines(names, cells)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


QUERY = Command(
    name="logs query",
    help="ask the collected records in SQL",
    example='modelway logs query "SELECT status, count(*) FROM access GROUP BY status"\n'
    "modelway logs query \"SELECT * FROM access WHERE time > ago('10 minutes') AND status >= 500\" -o csv",
    add_arguments=_add_query_arguments,
    run=_run_query,
)
ASK = Command(
    name="logs ask",
    help="ask the collected records what is asked most",
    example="modelway logs ask\nmodelway logs ask p99 vision/digits --since 1h\nmodelway logs ask errors --since 2d -o json",
    add_arguments=_add_ask_arguments,
    run=_run_ask,
)
