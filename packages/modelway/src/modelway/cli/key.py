"""`modelway key`: creates, lists, rotates, revokes and checks API keys."""

import argparse
import sys

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.secret_holders import add_list_output, add_secret_output, show_list, state_of, tell_secret
from modelway.cli.showing.object_tables import text
from modelway.cli.showing.table_text import Row
from modelway.cli.showing.time_text import age
from modelway.client.key_text import is_mistyped


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|rotate|revoke|check")
    create = verbs.add_parser("create", help="make one; its secret is printed this once", formatter_class=HelpFormatter)
    create.add_argument("name", metavar="NAME", help="who or what it is for")
    create.add_argument(
        "--role",
        choices=("caller", "admin", "gateway"),
        default="caller",
        help="callers call models, admins do everything; default: caller",
    )
    add_secret_output(create)
    _add_restrictions(create)
    listing = verbs.add_parser("list", help="all keys, without their secrets", formatter_class=HelpFormatter)
    add_list_output(listing)
    revoke = verbs.add_parser("revoke", help="a revoked key opens nothing any more", formatter_class=HelpFormatter)
    revoke.add_argument("ids", nargs="+", metavar="ID", help="as `key list` shows it")
    rotate = verbs.add_parser(
        "rotate", help="a new secret; the present one goes on for a while", formatter_class=HelpFormatter
    )
    rotate.add_argument("id", metavar="ID", help="as `key list` shows it")
    rotate.add_argument(
        "--grace",
        default="1d",
        metavar="TIME",
        help="how long the present secret stays valid; 0: not at all; default: 1d",
    )
    add_secret_output(rotate)
    verbs.add_parser(
        "check", help="whether the secret on stdin is mistyped; asks nobody", formatter_class=HelpFormatter
    )
    for sub in (create, listing, rotate, revoke):
        add_connection_options(sub)


def _add_restrictions(create: argparse.ArgumentParser) -> None:
    add = create.add_argument
    add(
        "--consumer",
        default="",
        metavar="WHO",
        help="whom it belongs to, as limits, records and models know it; default: NAME",
    )
    add(
        "--scope",
        action="append",
        default=[],
        metavar="PROJECT/MODEL",
        help="what it may call, either half may be *; repeat for more; default: every model",
    )
    add("--expires", default="", metavar="TIME", help="90d, 12h: when it ends by itself; default: never")
    add(
        "--limit",
        action="append",
        default=[],
        metavar="N/TIME",
        help="requests per time, 100/1s, or 100/1s:200 with a burst",
    )
    add("--quota", action="append", default=[], metavar="N/TIME", help="requests per window, 100000/1d")


def _run(args: argparse.Namespace) -> int:
    match args.verb:
        case "create":
            _create(args)
        case "list":
            _list(args)
        case "rotate":
            _rotate(args)
        case "check":
            return _check()
        case _:
            _revoke(args)
    return EXIT_OK


def _create(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        key = client.create_key(
            args.name,
            role=args.role,
            consumer=args.consumer,
            scopes=args.scope,
            expires=args.expires,
            limits=args.limit,
            quotas=args.quota,
        )
    tell_secret(
        args.output,
        key,
        key.secret,
        f"{key.role} key {key.id} for {key.name}; this is the only time its secret is shown",
    )


def _rotate(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        key = client.rotate_key(args.id, grace=args.grace)
    tell_secret(
        args.output,
        key,
        key.secret,
        f"key {key.id} has a new secret, shown this once; the one before is valid for {args.grace}",
    )


def _check() -> int:
    secret = sys.stdin.readline().strip()
    if is_mistyped(secret):
        print("mistyped: no key has this secret")
        return EXIT_ERROR
    print("well formed: whether it is valid only the platform knows")
    return EXIT_OK


def _list(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        keys = client.list_all("keys")
    rows: list[Row] = [
        (
            text(key, "id"),
            text(key, "name"),
            text(key, "role"),
            text(key, "prefix"),
            text(key, "consumer"),
            ",".join(key.get("scopes") or ("*/*",)) if key.get("role") == "caller" else "everything",
            age(key.get("createdAt")),
            f"{age(key['lastUsedAt'])} ago" if key.get("lastUsedAt") else "-",
            state_of(key),
        )
        for key in keys
    ]
    head = ("id", "name", "role", "prefix", "consumer", "scopes", "age", "used", "state")
    show_list(args.output, keys, head, rows)


def _revoke(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        for key_id in args.ids:
            client.revoke_key(key_id)
            print(f"key {key_id} revoked")


COMMAND = Command(
    name="key",
    help="create, list, rotate and revoke API keys",
    example=(
        "CALLER_KEY=$(modelway key create nightly-batch)\n"
        "modelway key create robot --scope 'vision/*' --expires 90d --limit 100/1s --quota 100000/1d\n"
        "modelway key list\nmodelway key rotate ID --grace 12h\nmodelway key revoke ID"
    ),
    add_arguments=_add_arguments,
    run=_run,
)
