"""`modelway issuer`: who else may vouch for callers, by JSON Web Tokens."""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.object_tables import text
from modelway.cli.showing.table_text import Cell, Row, table_lines
from modelway.cli.showing.time_text import age
from modelway.cli.showing.yaml_text import to_yaml
from modelway.errors import InvalidRequestError


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="set|list|remove")
    declare = verbs.add_parser("set", help="add one, or replace the one of this name", formatter_class=HelpFormatter)
    _add_declaration(declare)
    listing = verbs.add_parser("list", help="all, with the state of their keys", formatter_class=HelpFormatter)
    listing.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    remove = verbs.add_parser("remove", help="its tokens open nothing any more", formatter_class=HelpFormatter)
    remove.add_argument("name", metavar="NAME")
    for sub in (declare, listing, remove):
        add_connection_options(sub)


def _add_declaration(declare: argparse.ArgumentParser) -> None:
    add = declare.add_argument
    add("name", metavar="NAME", help="ours: consumers are called NAME:SUBJECT")
    add("--issuer", required=True, metavar="ISS", help="the tokens' iss, to the letter")
    add(
        "--audience",
        action="append",
        required=True,
        metavar="AUD",
        help="what the tokens' aud has to hold; repeat for several",
    )
    keys = declare.add_mutually_exclusive_group(required=True)
    keys.add_argument("--key-set-url", default="", metavar="URL", help="where its JWK set is; control fetches it")
    keys.add_argument("--key-set", type=Path, metavar="FILE", help="a file with its JWK set")
    add("--refresh", type=float, default=300.0, metavar="SECONDS", help="how often the URL is fetched; default: 300")
    add(
        "--algorithm",
        action="append",
        default=[],
        metavar="ALG",
        help="what signatures may be made with; repeat for several; default: RS256, PS256, ES256, EdDSA",
    )
    add("--leeway", type=float, default=30.0, metavar="SECONDS", help="by how much clocks may differ; default: 30")
    add("--consumer-claim", default="sub", metavar="CLAIM", help="which claim names the consumer; default: sub")
    add(
        "--scope",
        action="append",
        default=[],
        metavar="PROJECT/MODEL",
        help="the most its tokens open; default: every model",
    )
    add("--scopes-claim", default="", metavar="CLAIM", help="a claim whose patterns bound each token further")
    add(
        "--require",
        action="append",
        default=[],
        metavar="CLAIM=VALUE",
        help="a claim tokens have to have; repeat for several",
    )


def _run(args: argparse.Namespace) -> int:
    match args.verb:
        case "set":
            _set(args)
        case "list":
            _list(args)
        case _:
            with open_control(args) as client:
                client.remove_issuer(args.name)
            print(f"issuer {args.name} removed")
    return EXIT_OK


def _set(args: argparse.Namespace) -> None:
    spec: dict[str, Any] = {
        "issuer": args.issuer,
        "audiences": args.audience,
        "refreshSeconds": args.refresh,
        "algorithms": args.algorithm,
        "leewaySeconds": args.leeway,
        "consumerClaim": args.consumer_claim,
        "scopes": args.scope,
        "scopesClaim": args.scopes_claim,
        "required": _required(args.require),
    }
    if args.key_set is not None:
        spec["keySet"] = _read_key_set(args.key_set)
    else:
        spec["keySetUrl"] = args.key_set_url
    with open_control(args) as client:
        client.set_issuer(args.name, spec)
    print(f"issuer {args.name} set")


def _required(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        claim, sign, value = each.partition("=")
        if not sign:
            raise InvalidRequestError(f"--require {each!r}: expected CLAIM=VALUE")
        found[claim] = value
    return found


def _read_key_set(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise InvalidRequestError(f"cannot read {path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise InvalidRequestError(f"{path} is not JSON: {error}") from error


def _list(args: argparse.Namespace) -> None:
    with open_control(args) as client:
        issuers = client.list_all("issuers")
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode({"items": issuers}), indent=2).decode())
    elif args.output == "yaml":
        print(to_yaml({"items": issuers}), end="")
    else:
        rows: list[Row] = [
            (
                text(each, "name"),
                text(each, "issuer"),
                ",".join(each.get("audiences", ())),
                str(len(each.get("keys", ()))),
                age(each.get("fetchedAt")),
                Cell(each["problem"], "red") if each.get("problem") else Cell("ok", "green"),
            )
            for each in issuers
        ]
        print("\n".join(table_lines(("name", "issuer", "audiences", "keys", "fetched", "state"), rows)))


COMMAND = Command(
    name="issuer",
    help="declare whose JSON Web Tokens are taken beside keys",
    example=(
        "modelway issuer set corp --issuer https://login.example.com --audience models "
        "--key-set-url https://login.example.com/keys --scope 'vision/*'\n"
        "modelway issuer list\nmodelway issuer remove corp"
    ),
    add_arguments=_add_arguments,
    run=_run,
)
