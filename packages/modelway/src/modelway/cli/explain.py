"""`modelway route explain`: what would become of a request and why, or why a request on record went where it went."""

import argparse
from typing import Any
from urllib.parse import urlsplit

import msgspec

from modelway.cli.command import EXIT_OK
from modelway.cli.connect import add_connection_options
from modelway.cli.showing.log_lines import access_line
from modelway.cli.showing.object_tables import Object, member, members, number, text
from modelway.cli.showing.output import paint
from modelway.cli.showing.reason_words import reason_sentences
from modelway.cli.showing.table_text import Cell, Row, one_line, table_lines
from modelway.client import ControlClient
from modelway.errors import InvalidRequestError, NotFoundError

_VERSION_COLUMNS = ("version", "weight", "share", "replicas", "")
_REPLICA_COLUMNS = ("replica", "address", "state", "")


def add_explain_arguments(parser: argparse.ArgumentParser) -> None:
    """Which request, and how the answer is shown."""
    parser.add_argument(
        "target", nargs="?", default="", metavar="URL", help="of the gateway, or only its path and query"
    )
    parser.add_argument("-X", "--method", default="POST", metavar="METHOD", help="default: POST")
    parser.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a header of the request; repeatable",
    )
    parser.add_argument(
        "--as",
        dest="as_key",
        default="",
        metavar="KEY",
        help="with this key: its id, name or consumer; no secret needed",
    )
    parser.add_argument("--body-bytes", type=int, default=0, metavar="N", help="length of the body; default: 0")
    parser.add_argument(
        "--request-id", default="", metavar="ID", help="instead: why the request with this id went where it went"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    add_connection_options(parser)
    parser.set_defaults(usage_error=parser.error)


def explain(client: ControlClient, args: argparse.Namespace) -> int:
    """Asks and shows; the exit code says only whether there was an answer."""
    if bool(args.target) == bool(args.request_id):
        args.usage_error("give a URL, or --request-id for a request on record")
    if args.request_id:
        answer = _recorded(client, args.request_id)
        lines = _record_page(answer)
    else:
        target = _target(args.target)
        answer = client.explain(
            target,
            method=args.method,
            headers=[_header(each) for each in args.header],
            as_key=args.as_key,
            body_bytes=args.body_bytes,
        )
        lines = [paint(f"{args.method} {one_line(target)}", "bold"), *_page(answer)]
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
    else:
        print("\n".join(lines))
    return EXIT_OK


def _target(url: str) -> str:
    if url.startswith("/"):
        return url
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidRequestError(f"{url!r} is neither a path nor a URL", hint="/vision/digits/predict")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _header(given: str) -> tuple[str, str]:
    name, colon, value = given.partition(":")
    if not colon or not name.strip():
        raise InvalidRequestError(f"{given!r} is no header", hint="-H 'X-Tenant: acme'")
    return name.strip(), value.strip()


def _recorded(client: ControlClient, request_id: str) -> Object:
    records = list(client.logs(request_id=request_id, tail=1))
    if not records:
        raise NotFoundError(
            f"no request {request_id!r} is on record",
            hint="ids are in `modelway logs`; records of long ago are gone, and new ones come within a second",
        )
    return records[-1]


def _record_page(record: Object) -> list[str]:
    version = text(record, "version")
    sentences = reason_sentences(text(record, "reason"), version)
    if replica := text(record, "replica"):
        sentences.append(f"replica {replica} of version {version} took it")
    if code := text(record, "code"):
        sentences.append(
            f"the answer was {text(record, 'status')} {code}: see docs/errors.md#{code}_{text(record, 'status')}"
        )
    if not sentences:
        sentences = [
            "the record says no reason: it was answered by the gateway itself, or by one of an earlier version"
        ]
    return [access_line(record), *(f"  {one_line(each)}" for each in sentences)]


def _page(answer: Object) -> list[str]:
    version = text(answer, "version")
    lines: list[str] = []
    if answer.get("answer") is not None:
        refusal = member(answer, "answer")
        said = " ".join(filter(None, (text(refusal, "status"), text(refusal, "code"))))
        lines.append(f"  answered by the gateway itself: {paint(said, 'red' if text(refusal, 'code') else 'green')}")
        lines += [f"    {one_line(text(refusal, each))}" for each in ("message", "hint") if text(refusal, each)]
    facts = (
        ("route", text(answer, "route")),
        ("version", version),
        ("replica", text(answer, "replica")),
        ("sent", text(answer, "sent")),
        ("consumer", text(answer, "consumer")),
        ("table", text(answer, "table")),
    )
    lines += [f"  {name:<9} {one_line(value)}" for name, value in facts if value]
    lines += [f"  {'why':<9} {one_line(each)}" for each in reason_sentences(text(answer, "reason"), version)]
    for name, member_name in (("limit", "limits"), ("copied", "copies")):
        sayings: list[Any] = answer.get(member_name) or []
        lines += [f"  {name:<9} {one_line(str(each))}" for each in sayings]
    tables = (
        (
            ("stage", "outcome"),
            [(text(each, "stage"), one_line(text(each, "outcome"))) for each in members(answer, "steps")],
        ),
        (_VERSION_COLUMNS, [_version_row(each) for each in members(answer, "versions")]),
        (_REPLICA_COLUMNS, [_replica_row(each) for each in members(answer, "replicas")]),
    )
    for columns, rows in tables:
        if rows:
            lines += ["", *table_lines(columns, rows, indent="  ")]
    return lines


def _version_row(version: Object) -> Row:
    share = f"{number(version, 'share') * 100:.4g} %"
    return (text(version, "version"), text(version, "weight"), share, text(version, "replicas"), _mark(version))


def _replica_row(replica: Object) -> Row:
    state = one_line(text(replica, "state"))
    shown = Cell(state, "green" if state == "up" else "yellow")
    return (one_line(text(replica, "id")), one_line(text(replica, "address")), shown, _mark(replica))


def _mark(item: Object) -> Cell:
    return Cell("← this one" if item.get("chosen") is True else "", "bold")
