"""`modelway promotion`: who promoted what with which gate results, and people's word on those under way."""

import argparse

import msgspec

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.output import note
from modelway.cli.showing.promotion_text import COLUMNS, promotion_lines, promotion_row
from modelway.cli.showing.table_text import table_lines
from modelway.cli.showing.yaml_text import to_yaml

_STEERING = {
    "approve": "say yes, where its stage asks for somebody's approval",
    "reject": "say no",
    "pause": "do not go on, whatever the gates say",
    "resume": "go on",
    "abort": "end it; the deployment stays where it is",
    "retry": "ask all gates again of one that was refused, rejected or has failed",
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="list|show|approve|reject|pause|resume|abort|retry"
    )
    listing = verbs.add_parser("list", help="the newest, newest first", formatter_class=HelpFormatter)
    listing.add_argument("below", nargs="?", default="", metavar="PROJECT[/MODEL[/VERSION]]", help="only of this")
    listing.add_argument("--open", action="store_true", help="only those under way")
    listing.add_argument("--most", type=int, default=100, metavar="N", help="default: 100")
    show = verbs.add_parser("show", help="one, with what its gates said and saw", formatter_class=HelpFormatter)
    steering = [verbs.add_parser(verb, help=text, formatter_class=HelpFormatter) for verb, text in _STEERING.items()]
    for sub in (listing, show):
        sub.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    for sub in (show, *steering):
        sub.add_argument("number", type=int, metavar="NUMBER")
    for sub in steering:
        sub.add_argument("--comment", default="", metavar="TEXT", help="kept with the promotion")
    for sub in (listing, show, *steering):
        add_connection_options(sub)


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        match args.verb:
            case "list":
                found = client.promotions(args.below, under_way=args.open, most=args.most)
                rows = [promotion_row(each) for each in found]
                if args.output == "table" and not rows:
                    note("no promotion yet")
                _show({"items": found}, table_lines(COLUMNS, rows) if rows else [], args.output)
            case "show":
                promotion = client.promotion(args.number)
                _show(promotion, list(promotion_lines(promotion)), args.output)
            case _:
                promotion = client.steer_promotion(args.number, args.verb, comment=args.comment)
                print(f"promotion {args.number} of {promotion['deployment']}: {args.verb}")
    return EXIT_OK


def _show(value: object, lines: list[str], output: str) -> None:
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    elif output == "yaml":
        print(to_yaml(value), end="")
    elif lines:
        print("\n".join(lines))


COMMAND = Command(
    name="promotion",
    help="promotions: list, show with gates, approve, reject, pause, resume, abort, retry",
    example='modelway promotion list vision --open\nmodelway promotion show 7\nmodelway promotion approve 7 --comment "looks fine"',
    add_arguments=_add_arguments,
    run=_run,
)
