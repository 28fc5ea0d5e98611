"""`modelway anomalies`: what the platform noticed of models, who looks after it, what is watched of whom."""

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.output import note
from modelway.cli.showing.table_text import table_lines
from modelway.cli.showing.time_text import age, clock
from modelway.client.control_client import ControlClient

_CAUSES = ("traffic", "errors", "latency", "outputs", "inputs", "mirror")
_HEAD = ("id", "model", "cause", "kind", "state", "began", "what")
_WATCH_SECONDS = 2.0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|acknowledge|mute|unmute|policy|judged")
    listing = verbs.add_parser("list", help="the newest, newest first", formatter_class=HelpFormatter)
    listing.add_argument("name", nargs="?", default="", metavar="PROJECT[/MODEL]", help="only these; default: all")
    listing.add_argument("--all", action="store_true", help="those that are over, too")
    listing.add_argument("-w", "--watch", action="store_true", help="go on with each that begins, changes or is over")
    show = verbs.add_parser("show", help="one, with its evidence", formatter_class=HelpFormatter)
    show.add_argument("id", metavar="ID", help="as `anomalies list` shows it")
    for sub in (listing, show):
        sub.add_argument("-o", "--output", choices=("table", "json"), default="table", help="json: every field")
    acknowledge = verbs.add_parser("acknowledge", help="say that you look after it", formatter_class=HelpFormatter)
    acknowledge.add_argument("id", metavar="ID", help="as `anomalies list` shows it")
    acknowledge.add_argument("--note", default="", metavar="TEXT", help="what others should know")
    mute = verbs.add_parser(
        "mute", help="tell nobody for a while; it is seen all the same", formatter_class=HelpFormatter
    )
    mute.add_argument("name", metavar="PROJECT[/MODEL]", help="whose")
    mute.add_argument("--for", dest="lasting", required=True, metavar="TIME", help="30m, 12h, 7d; at most 30d")
    mute.add_argument("--cause", choices=_CAUSES, default="", help="only these; default: all")
    mute.add_argument("--note", default="", metavar="TEXT", help="why")
    unmute = verbs.add_parser("unmute", help="tell people again", formatter_class=HelpFormatter)
    unmute.add_argument("name", metavar="PROJECT[/MODEL]", help="all mutes of this one")
    policy = verbs.add_parser("policy", help="say what is watched, and how closely", formatter_class=HelpFormatter)
    policy.add_argument(
        "name", nargs="?", default="", metavar="PROJECT[/MODEL]", help="whose; without it: what was said"
    )
    policy.add_argument("--sensitivity", choices=("low", "normal", "high"), default="normal", help="default: normal")
    policy.add_argument(
        "--cause", action="append", default=[], choices=(*_CAUSES, "none"), help="only these; default: all"
    )
    judged = verbs.add_parser(
        "judged", help="what can be judged of a model, and why not", formatter_class=HelpFormatter
    )
    judged.add_argument("name", metavar="PROJECT/MODEL", help="whose")
    for sub in (listing, show, acknowledge, mute, unmute, policy, judged):
        add_connection_options(sub)


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        match args.verb:
            case "list":
                _list(args, client)
            case "show":
                _show(args, client.anomaly(args.id))
            case "acknowledge":
                one = client.acknowledge_anomaly(args.id, note=args.note)
                note(f"{one['id']} is {one['state']}, by {one['acknowledgedBy'] or 'nobody'}")
            case "mute" | "unmute":
                _mute(args, client)
            case "policy":
                _policy(args, client)
            case _:
                _judged(args, client)
    return EXIT_OK


def _list(args: argparse.Namespace, client: ControlClient) -> None:
    project, _, model = args.name.partition("/")
    state = "" if args.all else "standing"
    found = client.anomalies(project=project, model=model, state=state)
    seen = {each["id"]: each["state"] for each in found}
    _print(args, found, head=True)
    while args.watch:
        time.sleep(_WATCH_SECONDS)
        now = client.anomalies(project=project, model=model)
        changed = [each for each in reversed(now) if seen.get(each["id"], "resolved") != each["state"]]
        seen = {each["id"]: each["state"] for each in now}
        _print(args, changed, head=False)


def _print(args: argparse.Namespace, found: list[dict[str, Any]], *, head: bool) -> None:
    if args.output == "json":
        for each in found:
            print(msgspec.json.encode(each).decode(), flush=True)
        return
    if not found:
        if head:
            note("nothing is wrong that the platform knows of")
        return
    lines = table_lines(_HEAD, list(_rows(found)))
    print("\n".join(lines if head else lines[1:]), flush=True)


def _rows(found: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Those that are one below a line of their own, where the newest of them stands."""
    shown: set[str] = set()
    for each in found:
        together = each.get("together")
        if not together:
            yield _row(each)
        elif together["id"] not in shown:
            shown.add(together["id"])
            members = [one for one in found if one.get("together") == together]
            yield _row_together(together, members)
            for one in members:
                row = _row(one)
                yield (f"  {row[0]}", *row[1:])


def _row_together(together: dict[str, Any], members: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    models = len({(one["project"], one["model"]) for one in members})
    what = f"{together['kind']} {together['name']}".strip()
    state = "open" if any(one["state"] != "resolved" for one in members) else "resolved"
    began = min(one["openedAt"] for one in members)
    return (
        together["id"],
        f"{models} models",
        "shared",
        what,
        state,
        f"{age(began)} ago",
        f"they fail at once and share {what}",
    )


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    state = f"{each['state']} (muted)" if each["muted"] else each["state"]
    model = f"{each['project']}/{each['model']}"
    return each["id"], model, each["cause"], each["kind"], state, f"{age(each['openedAt'])} ago", each["words"]


def _show(args: argparse.Namespace, one: dict[str, Any]) -> None:
    if args.output == "json":
        print(msgspec.json.encode(one).decode())
        return
    print(f"{one['kind']} of {one['project']}/{one['model']} {', '.join(one['versions'])}: {one['words']}")
    if together := one.get("together"):
        what = f"{together['kind']} {together['name']}".strip()
        print(f"one with others that share {what}: {together['id']}, see `modelway anomalies list`")
    print(f"state: {one['state']}, began {clock(one['openedAt'])}, seen last {clock(one['seenAt'])}")
    if one["acknowledgedBy"]:
        print(f"acknowledged by {one['acknowledgedBy']}: {one['note'] or '-'}")
    evidence = one["evidence"]
    print(
        "changed on the platform in the two hours before:" if evidence.get("changes") else "nothing was changed before"
    )
    for change in evidence.get("changes", ()):
        print(f"  {change['who']} {change['action']} {change['kind']} {change['name']}")
    for request in evidence.get("requests", ()):
        print(f"  request {request['requestId']}: {request['version']} {request['status']} {request['code']}".rstrip())
    print(f"look: modelway logs {one['project']}/{one['model']}")


def _mute(args: argparse.Namespace, client: ControlClient) -> None:
    project, _, model = args.name.partition("/")
    if args.verb == "mute":
        made = client.mute_anomalies(project, model=model, cause=args.cause, lasting=args.lasting, note=args.note)
        note(f"muted until {made['until']}: {made['id']}")
        return
    mine = [each for each in client.anomaly_mutes() if (each["project"], each["model"]) == (project, model)]
    for each in mine:
        client.unmute_anomalies(project, each["id"])
    note(f"{len(mine)} mutes removed")


def _policy(args: argparse.Namespace, client: ControlClient) -> None:
    if args.name:
        project, _, model = args.name.partition("/")
        client.set_anomaly_policy(project, model=model, sensitivity=args.sensitivity, causes=args.cause)
    rows = [
        (f"{each['project']}/{each['model'] or '*'}", each["sensitivity"], ", ".join(each["causes"]) or "nothing")
        for each in client.anomaly_policies()
    ]
    print("\n".join(table_lines(("model", "sensitivity", "watched"), [*rows, ("everything else", "normal", "all")])))


def _judged(args: argparse.Namespace, client: ControlClient) -> None:
    project, _, model = args.name.partition("/")
    said = client.model_series(project, model)["judgements"]
    rows = [
        (
            each["cause"],
            each["version"] or "-",
            each["finding"] or (f"cannot: {each['blind']}" if each["blind"] else "fine"),
        )
        for each in said
    ]
    print("\n".join(table_lines(("cause", "version", "judged"), rows)) if rows else "nothing has been judged yet")


COMMAND = Command(
    name="anomalies",
    help="what the platform noticed of models, and who looks after it",
    example="modelway anomalies list --watch\nmodelway anomalies show an-1a2b3c\nmodelway anomalies mute vision/digits --for 2h",
    add_arguments=_add_arguments,
    run=_run,
)
