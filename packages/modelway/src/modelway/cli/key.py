"""`modelway key`: creates, lists and revokes API keys."""

import argparse

import msgspec

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.object_tables import text
from modelway.cli.output import note
from modelway.cli.table_text import Cell, Row, table_lines
from modelway.cli.time_text import age
from modelway.cli.yaml_text import to_yaml


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|revoke")
    create = verbs.add_parser("create", help="make one; its secret is printed this once", formatter_class=HelpFormatter)
    create.add_argument("name", metavar="NAME", help="who or what it is for")
    create.add_argument(
        "--role",
        choices=("caller", "admin"),
        default="caller",
        help="callers call models, admins do everything; default: caller",
    )
    create.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="text: stdout holds the secret alone"
    )
    listing = verbs.add_parser("list", help="all keys, without their secrets", formatter_class=HelpFormatter)
    listing.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    revoke = verbs.add_parser("revoke", help="a revoked key opens nothing any more", formatter_class=HelpFormatter)
    revoke.add_argument("ids", nargs="+", metavar="ID", help="as `key list` shows it")
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
        key = client.create_key(args.name, role=args.role)
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode(key), indent=2).decode())
        return
    print(key.secret)
    note(f"{key.role} key {key.id} for {key.name}; this is the only time its secret is shown")


def _list(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        keys = client.list_all("keys")
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode({"items": keys}), indent=2).decode())
    elif args.output == "yaml":
        print(to_yaml({"items": keys}), end="")
    else:
        rows: list[Row] = [
            (
                text(key, "id"),
                text(key, "name"),
                text(key, "role"),
                text(key, "prefix"),
                age(key.get("createdAt")),
                Cell("revoked", "red") if key.get("revokedAt") else Cell("valid", "green"),
            )
            for key in keys
        ]
        print("\n".join(table_lines(("id", "name", "role", "prefix", "age", "state"), rows)))


def _revoke(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        for key_id in args.ids:
            client.revoke_key(key_id)
            print(f"key {key_id} revoked")


COMMAND = Command(
    name="key",
    help="create, list and revoke API keys",
    example="CALLER_KEY=$(modelway key create nightly-batch)\nmodelway key list\nmodelway key revoke ID",
    add_arguments=_add_arguments,
    run=_run,
)
