"""`modelway promote`: asks for a deployment to move into the next stage of its project, and follows what becomes of it."""

import argparse
import time

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.output import note
from modelway.cli.showing.promotion_text import UNDER_WAY, promotion_lines
from modelway.cli.showing.table_text import one_line
from modelway.client import ControlClient
from modelway.errors import DeadlineExceededError

_INTERVAL = 0.3


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="PROJECT/MODEL/VERSION", help="the deployment")
    parser.add_argument("--to", default="", metavar="STAGE", help="the stage, which is the next one; default: that one")
    parser.add_argument("--reason", default="", metavar="TEXT", help="kept with the promotion, and in the commit")
    parser.add_argument("--wait", action="store_true", help="return only when it is over; an error unless promoted")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="of --wait; default: 120")
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        promotion = client.promote(args.name, to=args.to, reason=args.reason)
        number = int(promotion["number"])
        print(f"promotion {number}: {args.name} from {promotion['fromStage']} to {promotion['toStage']}")
        if not args.wait:
            note(f"`modelway promotion show {number}` says what its gates say")
            return EXIT_OK
        return _follow(client, number, time.monotonic() + args.timeout)


def _follow(client: ControlClient, number: int, until: float) -> int:
    told = ""
    while True:
        promotion = client.promotion(number)
        if promotion["state"] not in UNDER_WAY:
            print("\n".join(promotion_lines(promotion)))
            return EXIT_OK if promotion["state"] == "Promoted" else EXIT_ERROR
        message = one_line(str(promotion["message"]))
        if message and message != told:
            told = message
            note(f"waits for {message}")
        if time.monotonic() > until:
            raise DeadlineExceededError(
                f"promotion {number} is still {promotion['state']}{': ' + message if message else ''}",
                hint="it goes on without us; `modelway promotion list` shows it",
            )
        time.sleep(_INTERVAL)


COMMAND = Command(
    name="promote",
    help="move a deployment into the next stage of its project",
    example='modelway promote vision/digits/v2 --to staging --reason "retrained on March" --wait',
    add_arguments=_add_arguments,
    run=_run,
)
