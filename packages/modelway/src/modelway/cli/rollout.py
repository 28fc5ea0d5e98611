"""`modelway rollout`: where a deployment or route stands, what there was, back to it, and how two versions compare."""

import argparse

import msgspec

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command, HelpFormatter
from modelway.cli.compare_versions import add_compare_arguments, compare
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.document_name import DocumentName, add_document_names, document_names
from modelway.cli.follow_rollout import follow_until_ready
from modelway.cli.object_details import CONDITION_COLUMNS, REVISION_COLUMNS, condition_rows, revision_rows
from modelway.cli.object_tables import columns_of, member, members, number, row_of, text
from modelway.cli.phase_rows import PHASE_COLUMNS, phase_rows
from modelway.cli.table_text import one_line, printable, table_lines
from modelway.cli.yaml_text import to_yaml
from modelway.client import ControlClient
from modelway.errors import InvalidRequestError

_STEERING = {
    "pause": "begin and replace nothing more of the revision under way",
    "resume": "let it go on",
    "approve": "say yes to a phase that its stage has wait",
    "abort": "give it up: its replicas leave, older ones stay",
    "retry": "try at once again what failed",
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="status|phases|pause|resume|approve|abort|retry|history|undo|compare"
    )
    status = verbs.add_parser("status", help="where it stands", formatter_class=HelpFormatter)
    status.add_argument(
        "-w", "--watch", action="store_true", help="follow a deployment until it is ready or has failed"
    )
    phases = verbs.add_parser(
        "phases", help="how far each phase of a deployment's revision is", formatter_class=HelpFormatter
    )
    phases.add_argument("--revision", type=int, default=0, metavar="N", help="default: the newest")
    phases.add_argument("--log", action="store_true", help="with the last lines each phase wrote")
    phases.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    steering = [verbs.add_parser(verb, help=text, formatter_class=HelpFormatter) for verb, text in _STEERING.items()]
    approve = steering[list(_STEERING).index("approve")]
    approve.add_argument("--phase", default="", metavar="PHASE", help="which; default: the first that waits")
    history = verbs.add_parser("history", help="every accepted change", formatter_class=HelpFormatter)
    history.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    undo = verbs.add_parser(
        "undo", help="declare an earlier revision again, as a new one", formatter_class=HelpFormatter
    )
    undo.add_argument("--to-revision", type=int, metavar="N", help="default: the one before")
    undo.add_argument("--wait", action="store_true", help="follow a deployment until it is ready or has failed")
    compare = verbs.add_parser(
        "compare", help="whether one version is better or worse than another", formatter_class=HelpFormatter
    )
    add_compare_arguments(compare)
    for sub in (status, undo):
        sub.add_argument(
            "--timeout", type=float, default=120.0, metavar="SECONDS", help="how long to follow; default: 120"
        )
    for sub in (status, phases, *steering, history, undo):
        add_document_names(sub, several=False)
        add_connection_options(sub)


def _run(args: argparse.Namespace) -> int:
    if args.verb == "compare":
        with open_control(args) as client:
            return compare(client, args)
    name = document_names(args)[0]
    with open_control(args) as client:
        match args.verb:
            case "status":
                return _status(client, name, watch=args.watch, timeout=args.timeout)
            case "pause" | "resume" | "approve" | "abort" | "retry":
                return _steer(client, name, args)
            case "phases":
                return _phases(client, name, args)
            case "history":
                return _history(client, name, args.output)
            case _:
                return _undo(client, name, args)


def _status(client: ControlClient, name: DocumentName, *, watch: bool, timeout: float) -> int:
    item = client.get(name.kind, name.name)
    if watch and name.kind == "deployments":
        return _follow(client, name, int(number(member(item, "metadata"), "revision")), timeout)
    print("\n".join(table_lines(columns_of(name.kind, wide=False), [row_of(name.kind, item, wide=False)])))
    if rows := condition_rows(item):
        print("\n" + "\n".join(table_lines(CONDITION_COLUMNS, rows)))
    return EXIT_ERROR if text(member(item, "status"), "phase") == "Failed" else EXIT_OK


def _follow(client: ControlClient, name: DocumentName, revision: int, timeout: float) -> int:
    return EXIT_OK if follow_until_ready(client, {name.name: revision}, timeout=timeout) else EXIT_ERROR


def _steer(client: ControlClient, name: DocumentName, args: argparse.Namespace) -> int:
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


def _history(client: ControlClient, name: DocumentName, output: str) -> int:
    revisions = client.revisions(name.kind, name.name)
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode({"items": revisions}), indent=2).decode())
    elif output == "yaml":
        print(to_yaml({"items": revisions}), end="")
    else:
        print("\n".join(table_lines(REVISION_COLUMNS, revision_rows(revisions))))
    return EXIT_OK


def _undo(client: ControlClient, name: DocumentName, args: argparse.Namespace) -> int:
    answer = client.undo(name.kind, name.name, to_revision=args.to_revision)
    revision = int(number(answer, "revision") or number(member(answer, "metadata"), "revision"))
    causes = {text(one, "number"): text(one, "cause") for one in client.revisions(name.kind, name.name)}
    print(f"{name}  revision {revision}: {one_line(causes.get(str(revision), ''))}")
    if args.wait and name.kind == "deployments":
        return _follow(client, name, revision, args.timeout)
    return EXIT_OK


COMMAND = Command(
    name="rollout",
    help="revisions: status, phases, pause, resume, approve, abort, retry, history, undo; compare versions",
    example="modelway rollout status deployment vision/digits/v1 --watch\n"
    "modelway rollout history route vision/digits\n"
    "modelway rollout undo route vision/digits --to-revision 3\n"
    "modelway rollout compare vision/digits v1 v2 --since 2h",
    add_arguments=_add_arguments,
    run=_run,
)
