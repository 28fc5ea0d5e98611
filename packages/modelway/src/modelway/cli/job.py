"""`modelway job`: lists, shows, awaits, cancels and replays asynchronous requests."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, connection_of
from modelway.cli.showing.output import note, seconds_text, size_text
from modelway.cli.showing.table_text import Cell, Row, table_lines
from modelway.cli.showing.time_text import age
from modelway.cli.showing.yaml_text import to_yaml
from modelway.client.job_client import JobClient

_STATES = ("queued", "running", "succeeded", "failed", "dead", "expired", "cancelled")
_COLOURS = {"succeeded": "green", "failed": "red", "dead": "red", "expired": "yellow", "running": "cyan"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|get|result|wait|cancel|replay|secret")
    listing = verbs.add_parser(
        "list", help="jobs, newest first; an admin sees everybody's", formatter_class=HelpFormatter
    )
    listing.add_argument("--model", default="", metavar="PROJECT/MODEL", help="of one model")
    listing.add_argument("--state", action="append", default=[], choices=_STATES, help="repeat for more; default: all")
    listing.add_argument("--consumer", default="", metavar="WHO", help="of one consumer (needs an admin key)")
    listing.add_argument("--limit", type=int, default=50, metavar="COUNT", help="default: 50")
    listing.add_argument(
        "--queues", action="store_true", help="depth and age of every model's queue (needs an admin key)"
    )
    _add_output(listing, "table")
    shown = verbs.add_parser("get", help="one job", formatter_class=HelpFormatter)
    _add_output(shown, "yaml")
    result = verbs.add_parser(
        "result",
        help="the model's answer, as it came, on stdout; an error's status is 1",
        formatter_class=HelpFormatter,
    )
    waiting = verbs.add_parser(
        "wait", help="until jobs have ended; status 1 unless all succeeded", formatter_class=HelpFormatter
    )
    waiting.add_argument("--timeout", type=float, default=None, metavar="SECONDS", help="default: as long as it takes")
    cancel = verbs.add_parser("cancel", help="waiting or running", formatter_class=HelpFormatter)
    replay = verbs.add_parser("replay", help="queue again what ended without success", formatter_class=HelpFormatter)
    replay.add_argument("--dead", default="", metavar="PROJECT/MODEL", help="all dead letters of a model")
    secret = verbs.add_parser("secret", help="what your callbacks are signed with", formatter_class=HelpFormatter)
    for one in (shown, result):
        one.add_argument("id", metavar="ID", help="as `job list` or `call --async` shows it")
    for several in (waiting, cancel):
        several.add_argument("ids", nargs="+", metavar="ID", help="as `job list` or `call --async` shows it")
    replay.add_argument("ids", nargs="*", metavar="ID", help="as `job list` shows it")
    for sub in (listing, shown, result, waiting, cancel, replay, secret):
        add_connection_options(sub)


def _add_output(parser: argparse.ArgumentParser, usual: str) -> None:
    choices = ("table", "json", "yaml") if usual == "table" else ("json", "yaml")
    parser.add_argument("-o", "--output", choices=choices, default=usual, help=f"default: {usual}")


def _run(args: argparse.Namespace) -> int:
    with JobClient(connection_of(args).gateway) as client:
        match args.verb:
            case "list":
                _list(client, args)
            case "get":
                _show(client.get(args.id), args.output)
            case "result":
                _result(client, args.id)
            case "wait":
                return _wait(client, args.ids, args.timeout)
            case "cancel":
                for job_id in args.ids:
                    print(f"job {client.cancel(job_id)['id']} cancelled")
            case "replay":
                _replay(client, args)
            case _:
                print(client.callback_secret())
    return EXIT_OK


def _list(client: JobClient, args: argparse.Namespace) -> None:
    if args.queues:
        items = list(client.queues())
        columns = ("model", "queued", "oldest", "running", "dead")
        rows = [_queue_row(item) for item in items]
    else:
        items = list(client.list(model=args.model, states=args.state, consumer=args.consumer, limit=args.limit))
        columns = ("id", "model", "state", "attempts", "age", "result", "consumer")
        rows = [_job_row(item) for item in items]
    if args.output != "table":
        _show({"items": items}, args.output)
    else:
        print("\n".join(table_lines(columns, rows)))


def _job_row(job: Mapping[str, Any]) -> Row:
    state = str(job.get("state", ""))
    colour: Any = _COLOURS.get(state)
    result: Mapping[str, Any] = job.get("result") or {}
    said = f"{result['status']} {size_text(result['bytes'])}" if result else str(job.get("reason") or "-")
    return (
        str(job.get("id", "")),
        str(job.get("model", "")),
        Cell(state, colour) if colour else state,
        str(job.get("attempts", "")),
        age(job.get("createdAt")),
        said,
        str(job.get("consumer") or "-"),
    )


def _queue_row(queue: Mapping[str, Any]) -> Row:
    oldest = queue.get("oldestQueuedSeconds")
    counts = tuple(str(queue.get(name, 0)) for name in ("queued", "running", "dead"))
    waited = "-" if oldest is None else seconds_text(float(oldest))
    return (str(queue.get("model", "")), counts[0], waited, counts[1], counts[2])


def _show(value: Mapping[str, Any], output: str) -> None:
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    else:
        print(to_yaml(dict(value)), end="")


def _result(client: JobClient, job_id: str) -> None:
    answer = client.result(job_id)
    sys.stdout.flush()
    sys.stdout.buffer.write(answer.body)
    if answer.headers.get("content-type", "").startswith("application/json"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _wait(client: JobClient, ids: Sequence[str], seconds: float | None) -> int:
    code = EXIT_OK
    for job_id in ids:
        job = client.wait(job_id, seconds=seconds)
        print(f"{job_id} {job['state']}" + (f" ({job['reason']})" if job.get("reason") else ""))
        if job["state"] != "succeeded":
            code = EXIT_ERROR
    return code


def _replay(client: JobClient, args: argparse.Namespace) -> None:
    ids = list(args.ids)
    if args.dead:
        ids += [str(job["id"]) for job in client.list(model=args.dead, states=("dead",), limit=10_000)]
    for job_id in ids:
        print(f"job {client.replay(job_id)['id']} queued again")
    if not ids:
        note("nothing to replay: name jobs, or --dead PROJECT/MODEL")


COMMAND = Command(
    name="job",
    help="look after asynchronous requests: list, get, result, wait, cancel, replay",
    example=(
        "JOB=$(modelway call vision/digits -d @request.json --async)\nmodelway job wait $JOB && modelway job result $JOB\n"
        "modelway job list --state dead\nmodelway job replay --dead vision/digits\nmodelway job list --queues"
    ),
    add_arguments=_add_arguments,
    run=_run,
)
