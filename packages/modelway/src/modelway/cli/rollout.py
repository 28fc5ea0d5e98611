"""`modelway rollout`: where a rollout, deployment or route stands, what there was, back to it, and how two versions compare."""

import argparse
from typing import Any

import msgspec

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command, HelpFormatter
from modelway.cli.compare_versions import add_compare_arguments, compare
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.document_name import DocumentName, add_document_names, document_names
from modelway.cli.follow_rollout import follow_until_ready
from modelway.cli.showing.object_details import CONDITION_COLUMNS, REVISION_COLUMNS, condition_rows, revision_rows
from modelway.cli.showing.object_tables import columns_of, member, members, number, row_of, text
from modelway.cli.showing.phase_rows import PHASE_COLUMNS, phase_rows
from modelway.cli.showing.rollout_page import move_table, number_lines, progress_text, rollout_lines
from modelway.cli.showing.table_text import one_line, printable, table_lines
from modelway.cli.showing.yaml_text import to_yaml
from modelway.cli.watch_rollout import watch_rollout
from modelway.client import ControlClient
from modelway.errors import InvalidRequestError

_FOLLOW_SECONDS = 120.0
_STEERING = {
    "pause": "a rollout: move no weights; a deployment: begin and replace nothing more of the revision under way",
    "resume": "let it go on",
    "approve": "say yes to a phase that a stage has wait, or to a step of a rollout",
    "promote": "of a rollout: all requests to the new version now",
    "abort": "give it up; a rollout's requests go back, a deployment's replicas leave and older ones stay",
    "retry": "a rollout that has ended: begin once more; a deployment: try at once again what failed",
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(
        dest="verb",
        required=True,
        metavar="status|phases|pause|resume|approve|promote|abort|retry|history|undo|compare",
    )
    status = verbs.add_parser("status", help="where it stands", formatter_class=HelpFormatter)
    status.add_argument(
        "-w", "--watch", action="store_true", help="follow it until it is ready, has ended or has failed"
    )
    status.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    phases = verbs.add_parser(
        "phases", help="how far each phase of a deployment's revision is", formatter_class=HelpFormatter
    )
    phases.add_argument("--revision", type=int, default=0, metavar="N", help="default: the newest")
    phases.add_argument("--log", action="store_true", help="with the last lines each phase wrote")
    phases.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    steering = [verbs.add_parser(verb, help=text, formatter_class=HelpFormatter) for verb, text in _STEERING.items()]
    approve = steering[list(_STEERING).index("approve")]
    approve.add_argument("--phase", default="", metavar="PHASE", help="which; default: the first that waits")
    history = verbs.add_parser(
        "history", help="every move of a rollout, every accepted change of another", formatter_class=HelpFormatter
    )
    history.add_argument("--numbers", action="store_true", help="of a rollout: with what each move rested on")
    history.add_argument("--revisions", action="store_true", help="of a rollout: accepted changes of its document")
    history.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    undo = verbs.add_parser(
        "undo",
        help="a rollout: weights as before it; otherwise, or with --to-revision: an earlier revision as a new one",
        formatter_class=HelpFormatter,
    )
    undo.add_argument("--to-revision", type=int, metavar="N", help="default: the one before")
    undo.add_argument("--wait", action="store_true", help="follow a deployment until it is ready or has failed")
    compare = verbs.add_parser(
        "compare", help="whether one version is better or worse than another", formatter_class=HelpFormatter
    )
    add_compare_arguments(compare)
    for sub in (status, undo):
        sub.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="how long to follow; default: 120, a rollout to its end"
        )
    for sub in (status, phases, *steering, history, undo):
        add_document_names(sub, several=False)
        add_connection_options(sub)


def _run(args: argparse.Namespace) -> int:
    if args.verb == "compare":
        with open_control(args) as client:
            return compare(client, args)
    name = document_names(args, else_of="rollouts")[0]
    with open_control(args) as client:
        match args.verb:
            case "status":
                return _status(client, name, args)
            case "pause" | "resume" | "approve" | "promote" | "abort" | "retry":
                return _steer(client, name, args)
            case "phases":
                return _phases(client, name, args)
            case "history":
                return _history(client, name, args)
            case _:
                return _undo(client, name, args)


def _status(client: ControlClient, name: DocumentName, args: argparse.Namespace) -> int:
    if args.watch and name.kind == "rollouts":
        return EXIT_OK if watch_rollout(client, name.name, timeout=args.timeout) else EXIT_ERROR
    item = client.get(name.kind, name.name)
    if args.watch and name.kind == "deployments":
        return _follow(client, name, int(number(member(item, "metadata"), "revision")), args.timeout)
    if args.output != "table":
        _print_value(item, args.output)
        return EXIT_OK
    if name.kind == "rollouts":
        print("\n".join(rollout_lines(item)))
        return EXIT_OK
    print("\n".join(table_lines(columns_of(name.kind, wide=False), [row_of(name.kind, item, wide=False)])))
    if rows := condition_rows(item):
        print("\n" + "\n".join(table_lines(CONDITION_COLUMNS, rows)))
    return EXIT_ERROR if text(member(item, "status"), "phase") == "Failed" else EXIT_OK


def _follow(client: ControlClient, name: DocumentName, revision: int, timeout: float | None) -> int:
    limit = _FOLLOW_SECONDS if timeout is None else timeout
    return EXIT_OK if follow_until_ready(client, {name.name: revision}, timeout=limit) else EXIT_ERROR


def _steer(client: ControlClient, name: DocumentName, args: argparse.Namespace) -> int:
    verb = args.verb
    if name.kind == "rollouts":
        item = client.steer_rollout(name.name, "resume" if verb == "approve" else verb)
        print(f"{name}: {verb}: {progress_text(item)}")
        return EXIT_OK
    if verb == "promote":
        raise InvalidRequestError(
            f"a {name.word} is not promoted here", hint="a rollout PROJECT/MODEL is; deployments: modelway promote"
        )
    if name.kind != "deployments":
        raise InvalidRequestError(f"a {name.word} has no phases", hint="deployments have: deployment P/M/VERSION")
    phase = args.phase if args.verb == "approve" else ""
    revision = number(client.steer(name.name, args.verb, phase=phase), "revision")
    print(f"{name}  revision {revision}: {args.verb}{' ' + phase if phase else ''}")
    return EXIT_OK


def _phases(client: ControlClient, name: DocumentName, args: argparse.Namespace) -> int:
    if name.kind != "deployments":
        raise InvalidRequestError(f"a {name.word} has no phases", hint="deployments have: deployment P/M/VERSION")
    found = client.phases(name.name, revision=args.revision)
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif args.output == "yaml":
        print(to_yaml(found), end="")
    else:
        print("\n".join(table_lines(PHASE_COLUMNS, phase_rows(found))))
        for run in members(found, "items") if args.log else ():
            lines: list[object] = run.get("log", [])
            print(f"\n{text(run, 'phase')}")
            print("\n".join(f"  {printable(str(line))}" for line in lines) or "  (nothing)")
    return EXIT_OK


def _history(client: ControlClient, name: DocumentName, args: argparse.Namespace) -> int:
    moved = name.kind == "rollouts" and not args.revisions
    items = client.rollout_moves(name.name) if moved else client.revisions(name.kind, name.name)
    if args.output != "table":
        _print_value({"items": items}, args.output)
    elif moved:
        print("\n".join(table_lines(*move_table(items))))
        print("\n".join(number_lines(items)) if args.numbers else "", end="\n" if args.numbers else "")
    else:
        print("\n".join(table_lines(REVISION_COLUMNS, revision_rows(items))))
    return EXIT_OK


def _print_value(value: Any, output: str) -> None:
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    else:
        print(to_yaml(value), end="")


def _undo(client: ControlClient, name: DocumentName, args: argparse.Namespace) -> int:
    if name.kind == "rollouts" and args.to_revision is None:
        return _steer(client, name, args)
    answer = client.undo(name.kind, name.name, to_revision=args.to_revision)
    source = text(member(answer, "metadata"), "leftTo")
    if source:
        print(f"{name}  a commit to source {source} is asked for; `modelway source show {source}` shows it")
        return EXIT_OK
    revision = int(number(answer, "revision") or number(member(answer, "metadata"), "revision"))
    causes = {text(one, "number"): text(one, "cause") for one in client.revisions(name.kind, name.name)}
    print(f"{name}  revision {revision}: {one_line(causes.get(str(revision), ''))}")
    if args.wait and name.kind == "deployments":
        return _follow(client, name, revision, args.timeout)
    return EXIT_OK


COMMAND = Command(
    name="rollout",
    help="status, pause, resume, approve, promote, abort, retry, history, undo; compare versions",
    example="modelway rollout status vision/digits --watch\n"
    "modelway rollout promote vision/digits\n"
    "modelway rollout status deployment vision/digits/v1 --watch\n"
    "modelway rollout history route vision/digits\n"
    "modelway rollout undo route vision/digits --to-revision 3\n"
    "modelway rollout compare vision/digits v1 v2 --since 2h",
    add_arguments=_add_arguments,
    run=_run,
)
