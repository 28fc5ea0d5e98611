"""`modelway logs`: access records of the gateway, inference records of the model servers, or what these themselves wrote."""

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.outputs import OUTPUTS
from modelway.cli.query_logs import ASK, QUERY
from modelway.cli.showing.log_lines import access_line, inference_line, server_line
from modelway.cli.showing.output import note
from modelway.cli.staying_connected import stay_connected
from modelway.cli.training_data import EXPORT, FEEDBACK
from modelway.client import ControlClient


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", default="", metavar="TARGET", help="PROJECT[/MODEL[/VERSION]]; default: everything"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on with what is written from now on, until Ctrl-C"
    )
    parser.add_argument("--tail", type=int, default=100, metavar="N", help="how many of the last records; default: 100")
    parser.add_argument(
        "--source",
        choices=("access", "server", "inference"),
        default="access",
        help="requests, the servers' own output, or what requests did in the servers; default: access",
    )
    parser.add_argument("--request-id", default="", metavar="ID", help="only of this request")
    parser.add_argument("--version", default="", metavar="VERSION", help="only of this version")
    parser.add_argument("--replica", default="", metavar="ID", help="only of this replica")
    parser.add_argument("--experiment", default="", metavar="NAME", help="only requests of this experiment")
    parser.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="only copies, or only requests of callers; default: both",
    )
    parser.add_argument("--status", default="", metavar="STATUS", help="only with this status: 404, 5xx, or 429,5xx")
    parser.add_argument("--slower", default="", metavar="SPAN", help="only what took longer: 200ms, 1.5s")
    parser.add_argument("--consumer", default="", metavar="NAME", help="only requests of this consumer")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="json: one object per line")
    add_connection_options(parser)
    parser.set_defaults(usage_error=parser.error)


def _run(args: argparse.Namespace) -> int:
    target: str = args.target
    parts = target.split("/") if target else []
    if len(parts) > 3 or not all(parts):
        args.usage_error(f"{args.target!r} is not PROJECT[/MODEL[/VERSION]]")
    if args.tail < 0:
        args.usage_error("--tail cannot be negative")
    with open_control(args) as client:
        found = False
        for record in _records(client, args, [*parts, "", "", ""]):
            found = True
            print(_line(record, args), flush=args.follow)
        if not found and args.output == "text":
            what = {"access": "request", "server": "server output", "inference": "inference"}[args.source]
            note(
                f"no {what} is on record" + (f" for {target}; `modelway get deployments` lists names" if target else "")
            )
    return EXIT_OK


def _records(client: ControlClient, args: argparse.Namespace, parts: list[str]) -> Iterator[dict[str, Any]]:
    project, model, version = parts[0], parts[1], args.version or parts[2]

    def connect(again: bool) -> Iterator[dict[str, Any]]:  # noqa: FBT001 - the shape stay_connected calls
        return client.logs(
            source=args.source,
            project=project,
            model=model,
            version=version,
            replica=args.replica,
            request_id=args.request_id,
            experiment=args.experiment,
            mirrored=args.mirrored,
            status=args.status,
            slower=args.slower,
            consumer=args.consumer,
            tail=0 if again else args.tail,
            follow=args.follow,
        )

    return stay_connected(connect) if args.follow else connect(again=False)


def _line(record: dict[str, Any], args: argparse.Namespace) -> str:
    if args.output == "json":
        return msgspec.json.encode(record).decode()
    line = {"access": access_line, "server": server_line, "inference": inference_line}[args.source]
    return line(record)


COMMAND = Command(
    name="logs",
    help="read or follow access logs, inference logs and server logs; `logs query` and `logs ask` ask what was collected",
    example="modelway logs vision/digits -f\nmodelway logs vision/digits -f --status 5xx --slower 200ms\nmodelway logs vision/digits/v2 --source server --tail 20\nmodelway logs --source inference --request-id 5f0c-1\n"
    "modelway logs ask p99 vision/digits",
    add_arguments=_add_arguments,
    run=_run,
    more={"query": QUERY, "ask": ASK, "export": EXPORT, "feedback": FEEDBACK, "outputs": OUTPUTS},
)
