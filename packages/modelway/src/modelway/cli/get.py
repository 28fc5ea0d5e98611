"""`modelway get`: lists deployments, routes, endpoints or packages, once or on every change."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.object_tables import Object, columns_of, name_of, row_of
from modelway.cli.showing.output import note
from modelway.cli.showing.table_text import table_lines
from modelway.cli.showing.yaml_text import to_yaml
from modelway.cli.staying_connected import stay_connected
from modelway.client import ControlClient
from modelway.client.control_client import ListKind
from modelway.errors import NotFoundError

_KINDS: Mapping[str, ListKind] = {
    "deployment": "deployments",
    "deployments": "deployments",
    "route": "routes",
    "routes": "routes",
    "cluster": "clusters",
    "clusters": "clusters",
    "stage": "stages",
    "stages": "stages",
    "rollout": "rollouts",
    "rollouts": "rollouts",
    "endpoint": "endpoints",
    "endpoints": "endpoints",
    "package": "packages",
    "packages": "packages",
    "gateway": "gateways",
    "gateways": "gateways",
}
_CLEAR = "\x1b[H\x1b[J"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind",
        choices=_KINDS,
        metavar="KIND",
        help="deployments, routes, rollouts, stages, clusters, endpoints, packages or gateways (or the singular)",
    )
    parser.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="only this one, or all below PROJECT[/MODEL]"
    )
    parser.add_argument(
        "-o", "--output", choices=("table", "wide", "json", "yaml", "name"), default="table", help="default: table"
    )
    parser.add_argument("-w", "--watch", action="store_true", help="go on, showing every change, until Ctrl-C")
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    kind = _KINDS[args.kind]
    with open_control(args) as client:
        if args.watch:
            return _watch(client, kind, args.name, args.output)
        items = _chosen(kind, args.name, client.list_all(kind))
        if args.name and not items:
            raise NotFoundError(f"no {kind.removesuffix('s')} is named {args.name}", hint=f"modelway get {kind}")
        alone = len(items) == 1 and args.name == name_of(kind, items[0])
        print(_rendered(kind, items, args.output, alone=alone), end="")
        if not items and args.output in {"table", "wide"}:
            note(f"no {kind} yet" + ("; `modelway apply -f FILE` declares some" if kind != "endpoints" else ""))
    return EXIT_OK


def _chosen(kind: str, name: str, items: Sequence[Object]) -> list[Object]:
    if not name:
        return list(items)
    return [item for item in items if any(_is_below(own, name) for own in _names(kind, item))]


def _names(kind: str, item: Object) -> tuple[str, ...]:
    if kind == "endpoints":
        return (name_of(kind, item), "/".join(str(item.get(part, "")) for part in ("project", "model", "version")))
    if kind == "packages":
        return (name_of(kind, item), str(item.get("name", "")))
    return (name_of(kind, item),)


def _is_below(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(wanted.rstrip("/") + "/")


def _rendered(kind: str, items: Sequence[Object], output: str, *, alone: bool) -> str:
    if output == "name":
        return "".join(f"{kind.removesuffix('s')}/{name_of(kind, item)}\n" for item in items)
    if output in {"json", "yaml"}:
        value: Any = items[0] if alone else {"items": list(items)}
        return to_yaml(value) if output == "yaml" else _json(value)
    if not items:
        return ""
    wide = output == "wide"
    rows = [row_of(kind, item, wide=wide) for item in items]
    return "\n".join(table_lines(columns_of(kind, wide=wide), rows, cut=not wide)) + "\n"


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _watch(client: ControlClient, kind: ListKind, name: str, output: str) -> int:
    lists = (_chosen(kind, name, items) for items in stay_connected(lambda _again: client.watch(kind)))
    if output in {"table", "wide"} and sys.stdout.isatty():
        for items in lists:
            print(_CLEAR + (_rendered(kind, items, output, alone=False) or f"no {kind}\n"), end="", flush=True)
        return EXIT_OK
    for number, text in enumerate(_changes(kind, lists, output)):
        if output == "yaml" and number:
            print("---")
        print(text, end="", flush=True)
    return EXIT_OK


def _changes(kind: str, lists: Iterator[list[Object]], output: str) -> Iterator[str]:
    """What to append per change: the rows that differ for tables and names, everything (one line of it) for data."""
    before: dict[str, Object] | None = None
    for items in lists:
        now = {name_of(kind, item): item for item in items}
        if now == before:
            continue  # a new connection starts with the list we have
        if output == "json":
            yield msgspec.json.encode({"items": items}).decode() + "\n"
        elif output == "yaml":
            yield _rendered(kind, items, output, alone=False)
        else:
            changed = {name for name, item in now.items() if before is None or before.get(name) != item}
            yield _appended(kind, items, changed, output, first=before is None)
            if output != "name":
                yield "".join(f"{name}  (gone)\n" for name in before or {} if name not in now)
        before = now


def _appended(kind: str, items: Sequence[Object], changed: set[str], output: str, *, first: bool) -> str:
    """The changed rows, as wide as in the whole table, so that what is appended stays aligned."""
    head, *lines = _rendered(kind, items, output, alone=False).splitlines(keepends=True) or [""]
    if output == "name":
        head, lines = "", [head, *lines]
    kept = [line for item, line in zip(items, lines, strict=False) if name_of(kind, item) in changed]
    return (head if first else "") + "".join(kept)


COMMAND = Command(
    name="get",
    help="list deployments, routes, rollouts, stages, endpoints or packages",
    example="modelway get deployments\nmodelway get routes vision -o yaml\nmodelway get endpoints --watch",
    add_arguments=_add_arguments,
    run=_run,
)
