"""`modelway source`: which Git repositories say what is declared, and what became of their commits."""

import argparse
from collections.abc import Mapping
from typing import Any

import msgspec

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.object_tables import text
from modelway.cli.showing.output import Style, paint
from modelway.cli.showing.table_text import Cell, Row, one_line, table_lines
from modelway.cli.showing.time_text import age
from modelway.cli.showing.yaml_text import to_yaml

_SHOWN_COMMITS = 10
_SHORT = 12
_WRITE_STYLES: Mapping[str, Style] = {"Pushed": "green", "Failed": "red", "Cancelled": "dim"}
_STYLES: Mapping[str, Style] = {"applied": "green", "refused": "red"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="set|list|show|sync|webhook|remove")
    declare = verbs.add_parser("set", help="follow one, or replace the one of this name", formatter_class=HelpFormatter)
    _add_declaration(declare)
    listing = verbs.add_parser("list", help="all, and where they stand", formatter_class=HelpFormatter)
    show = verbs.add_parser("show", help="one: its last commits, what has drifted", formatter_class=HelpFormatter)
    sync = verbs.add_parser("sync", help="look at the branch now", formatter_class=HelpFormatter)
    webhook = verbs.add_parser(
        "webhook",
        help="a secret by which its Git server tells of pushes; again: another one",
        formatter_class=HelpFormatter,
    )
    webhook.add_argument("--remove", action="store_true", help="listen to nobody any more")
    remove = verbs.add_parser(
        "remove", help="follow it no more; what it declared stays declared", formatter_class=HelpFormatter
    )
    for sub in (listing, show):
        sub.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    for sub in (show, sync, webhook, remove):
        sub.add_argument("name", metavar="NAME")
    for sub in (declare, listing, show, sync, webhook, remove):
        add_connection_options(sub)


def _add_declaration(declare: argparse.ArgumentParser) -> None:
    add = declare.add_argument
    add("name", metavar="NAME", help="ours")
    add("repository", metavar="URL", help="https://…, or the absolute path of a repository on the platform's machine")
    add("--branch", default="main", help="default: main")
    add("--path", default="", metavar="FOLDER", help="only what lies below this folder; default: the whole tree")
    add("--poll", type=float, default=30.0, metavar="SECONDS", help="how often the branch is looked at; default: 30")
    add(
        "--drift",
        choices=("report", "heal"),
        default="report",
        help="whether changes made elsewhere are only shown or taken back; default: report",
    )
    add("--keep", action="store_true", help="documents that a commit leaves out stay; else they go")
    add(
        "--project",
        action="append",
        default=[],
        metavar="PROJECT",
        help="a project it may declare; repeat for several; default: all, and clusters",
    )
    add(
        "--writes",
        choices=("none", "commit", "branch"),
        default="none",
        help="how promotions and undoing get there: by people, by commits of the platform to the branch, or by such on a "
        "branch of their own that people merge; default: none",
    )
    add("--credentials", default="", metavar="FILE", help="on the platform's machine, with user:password for the URL")


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        match args.verb:
            case "set":
                client.set_source(args.name, _spec(args))
                print(f"source {args.name} set")
            case "list":
                _show(client.list_all("sources"), args.output)
            case "show":
                return _describe(client.get_source(args.name), args.output)
            case "sync":
                client.sync_source(args.name)
                print(f"source {args.name} is looked at now")
            case "webhook" if args.remove:
                client.delete_webhook(args.name)
                print(f"nobody is listened to for source {args.name} any more")
            case "webhook":
                made = client.create_webhook(args.name)
                print(f"POST  {client.server.url.rstrip('/')}{made['path']}")
                print(f"secret, shown this once: {made['secret']}")
                if made["previousUntil"]:
                    print(f"the one before is valid until {made['previousUntil']}")
            case _:
                client.remove_source(args.name)
                print(f"source {args.name} removed; what it declared stays declared")
    return EXIT_OK


def _spec(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "repository": args.repository,
        "branch": args.branch,
        "path": args.path,
        "pollSeconds": args.poll,
        "drift": args.drift,
        "prune": not args.keep,
        "projects": args.project,
        "credentials": args.credentials,
        "writes": args.writes,
    }


def _show(sources: Any, output: str) -> None:
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode({"items": sources}), indent=2).decode())
    elif output == "yaml":
        print(to_yaml({"items": sources}), end="")
    else:
        rows: list[Row] = [
            (
                text(each, "name"),
                text(each, "repository"),
                text(each, "branch"),
                text(each, "applied")[:_SHORT] or "-",
                age(each.get("checkedAt")),
                _state(each),
            )
            for each in sources
        ]
        print("\n".join(table_lines(("name", "repository", "branch", "in force", "looked at", "state"), rows)))


def _state(source: dict[str, Any]) -> Cell:
    if source["problem"]:
        return Cell(one_line(source["problem"]), "red")
    if source["head"] != source["applied"]:
        return Cell(f"{source['head'][:_SHORT]} refused", "red")
    if not source["head"]:
        return Cell("not looked at yet", "dim")
    if source["drifted"]:
        return Cell(f"{len(source['drifted'])} drifted", "yellow")
    return Cell("ok", "green")


def _describe(source: dict[str, Any], output: str) -> int:
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(source), indent=2).decode())
        return EXIT_OK
    if output == "yaml":
        print(to_yaml(source), end="")
        return EXIT_OK
    place = f"{source['repository']}, branch {source['branch']}"
    print(f"{source['name']}: {place}{', below ' + source['path'] if source['path'] else ''}")
    state = _state(source)
    print(f"state: {paint(state.text, state.style)}")
    rows: list[Row] = [
        (
            each["commit"][:_SHORT],
            age(each["seenAt"]),
            Cell(each["state"], _STYLES.get(each["state"], "dim")),
            one_line(each["subject"]),
            one_line(each["message"]),
        )
        for each in source["commits"][:_SHOWN_COMMITS]
    ]
    print("\n".join(table_lines(("commit", "seen", "state", "subject", "what became of it"), rows)))
    for each in source.get("written", [])[:_SHOWN_COMMITS]:
        state = Cell(each["state"], _WRITE_STYLES.get(each["state"], "yellow"))
        commit = f" {each['commit'][:_SHORT]}" if each["commit"] else ""
        problem = f": {one_line(each['problem'])}" if each["problem"] else ""
        subject = f"{one_line(each['subject'])} ({one_line(each['author'])}, {age(each['createdAt'])} ago)"
        print(f"written: {paint(state.text, state.style)}{commit} to {each['branch']}, {subject}{problem}")
    for each in source["drifted"]:
        print(paint(f"drifted: {each['kind']} {each['name']}{' was deleted' if each['missing'] else ''}", "yellow"))
        for change in each["changes"]:
            print(f"  {change['path']}: {change['before']!r} in Git, {change['after']!r} now")
    return EXIT_ERROR if source["problem"] or source["head"] != source["applied"] else EXIT_OK


COMMAND = Command(
    name="source",
    help="follow Git repositories whose files say what is declared",
    example=(
        "modelway source set fleet https://git.example.com/ml/fleet.git --path production --drift heal\n"
        "modelway source list\nmodelway source show fleet\nmodelway source sync fleet\nmodelway source remove fleet"
    ),
    add_arguments=_add_arguments,
    run=_run,
)
