"""`modelway token`: creates, lists and revokes tokens of the control API."""

import argparse

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.secret_holders import add_list_output, add_secret_output, show_list, state_of, tell_secret
from modelway.cli.showing.object_tables import text
from modelway.cli.showing.table_text import Row
from modelway.cli.showing.time_text import age


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|revoke")
    create = verbs.add_parser("create", help="make one; its secret is printed this once", formatter_class=HelpFormatter)
    create.add_argument("name", metavar="NAME", help="who or what it is for; what revisions and the audit log show")
    create.add_argument(
        "--role",
        choices=("reader", "deployer", "admin"),
        default="reader",
        help="readers look, deployers change what is in their projects, too, admins do everything; default: reader",
    )
    create.add_argument(
        "--project",
        action="append",
        default=[],
        metavar="PROJECT",
        help="all it sees, and what a deployer may change; repeat for more; default: everything",
    )
    create.add_argument(
        "--expires", default="", metavar="TIME", help="90d, 12h: when it ends by itself; default: never"
    )
    add_secret_output(create)
    listing = verbs.add_parser("list", help="all tokens, without their secrets", formatter_class=HelpFormatter)
    add_list_output(listing)
    revoke = verbs.add_parser("revoke", help="a revoked token opens nothing any more", formatter_class=HelpFormatter)
    revoke.add_argument("ids", nargs="+", metavar="ID", help="as `token list` shows it")
    for sub in (create, listing, revoke):
        add_connection_options(sub)


def _run(args: argparse.Namespace) -> int:
    match args.verb:
        case "create":
            _create(args)
        case "list":
            _list(args)
        case _:
            _revoke(args)
    return EXIT_OK


def _create(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        token = client.create_token(args.name, role=args.role, projects=args.project, expires=args.expires)
    words = f"{token['role']} token {token['id']} for {token['name']}; this is the only time its secret is shown"
    tell_secret(args.output, token, token["secret"], words)


def _list(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        tokens = client.list_all("tokens")
    rows: list[Row] = [
        (
            text(token, "id"),
            text(token, "name"),
            text(token, "role"),
            ",".join(token.get("projects") or ("all",)),
            text(token, "prefix"),
            text(token, "createdBy"),
            age(token.get("createdAt")),
            state_of(token),
        )
        for token in tokens
    ]
    show_list(args.output, tokens, ("id", "name", "role", "projects", "prefix", "made by", "age", "state"), rows)


def _revoke(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        for token_id in args.ids:
            client.revoke_token(token_id)
            print(f"token {token_id} revoked")


COMMAND = Command(
    name="token",
    help="create, list and revoke tokens of the control API: who may change what",
    example=(
        "CI_TOKEN=$(modelway token create ci --role deployer --project vision --expires 90d)\n"
        "MODELWAY_KEY=$CI_TOKEN modelway apply -f deploy.yaml\n"
        "modelway token list\nmodelway token revoke ID"
    ),
    add_arguments=_add_arguments,
    run=_run,
)
