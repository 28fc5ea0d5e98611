"""`modelway apply`: makes documents the declared state; uploads the packages they name by path."""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.follow_rollout import follow_until_ready
from modelway.cli.showing.document_problems import print_problems
from modelway.cli.showing.output import Style, note, paint
from modelway.cli.showing.table_text import Cell, one_line, table_lines
from modelway.cli.showing.upload_bar import UploadBar
from modelway.client import ApplyResult, ControlClient, DocumentFile
from modelway.errors import ConflictError, InvalidDocumentError, InvalidRequestError
from modelway.packaging.signing import parse_bundles, signature_path

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_ACTION_STYLES: Mapping[str, Style] = {"created": "green", "changed": "yellow", "unchanged": "dim"}
_STDIN = "<stdin>"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        required=True,
        metavar="FILE",
        help="a file of documents, a folder of such files (*.yaml, *.yml, *.json), or - for stdin; may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    parser.add_argument("--wait", action="store_true", help="follow deployments until they are ready or have failed")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="of --wait; default: 120")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    files = read_files(args.file)
    with open_control(args) as client:
        try:
            results = apply_files(client, files, dry_run=args.dry_run)
        except InvalidDocumentError as error:
            print_problems(error, files)
            return EXIT_ERROR
        print_results(results, dry_run=args.dry_run, output=args.output)
        if args.dry_run and args.output == "text":
            note("dry run: nothing was changed")
        revisions = {result.name: result.revision for result in results if result.kind == "Deployment"}
        if args.wait and not args.dry_run and revisions:
            return EXIT_OK if follow_until_ready(client, revisions, timeout=args.timeout) else EXIT_ERROR
    return EXIT_OK


def apply_files(client: ControlClient, files: Sequence[DocumentFile], *, dry_run: bool) -> tuple[ApplyResult, ...]:
    """Applies; uploads what the platform says it lacks and applies again."""
    packages: dict[str, str] = {}
    while True:
        try:
            return client.apply(files, packages, dry_run=dry_run)
        except ConflictError as error:
            if error.error_code != "package_needed":
                raise
            paths = _needed_paths(error.details)
            if not paths or not set(paths) - set(packages):
                raise
            for named, path in paths.items():
                packages[named] = _digest_of(path) if dry_run else _upload(client, path)


def _needed_paths(details: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Where the packages are, by the path their documents name them by: relative to the document's own folder."""
    found: dict[str, Path] = {}
    for detail in details:
        file, named = str(detail.get("file", "")), str(detail.get("path", ""))
        folder = Path() if file == _STDIN else Path(file).parent
        path = folder / named
        if not path.is_file():
            raise InvalidRequestError(
                f"{file} names the package {named!r}, but there is no file {path}",
                hint="make it with `modelway package`, or name a package the platform has by its digest (sha256:…)",
            )
        other = found.setdefault(named, path)
        if other.resolve() != path.resolve():
            raise InvalidRequestError(
                f"{named!r} means {other} in one document and {path} in another",
                hint="apply the two files one after the other, or name one of the packages by its digest",
            )
    return found


def _upload(client: ControlClient, path: Path) -> str:
    bar = UploadBar(path.name)
    try:
        uploaded = client.upload_package(path, report=bar)
    except BaseException:
        bar.clear()
        raise
    bar.done(uploaded.digest)
    signatures = signature_path(path)
    for bundle in parse_bundles(signatures.read_bytes()) if signatures.is_file() else ():
        if bundle.statement.digest == uploaded.digest:  # one of an earlier package says nothing of this one
            client.add_signature(uploaded.digest, bundle.to_bytes())
    return uploaded.digest


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def read_files(names: Sequence[str]) -> list[DocumentFile]:
    """The files of documents that `-f` named, folders opened."""
    files: list[DocumentFile] = []
    for name in names:
        if name == "-":
            files.append(DocumentFile(_STDIN, sys.stdin.read()))
            continue
        path = Path(name)
        files.extend(_read_file(one) for one in (_files_in(path) if path.is_dir() else [path]))
    return list({file.name: file for file in files}.values())


def _files_in(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())
    if not found:
        raise InvalidRequestError(f"{folder} holds no *.yaml, *.yml or *.json file", hint="name the file itself")
    return found


def _read_file(path: Path) -> DocumentFile:
    try:
        return DocumentFile(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequestError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{path} is not UTF-8 text (octet {error.start})") from error


def print_results(results: Sequence[ApplyResult], *, dry_run: bool, output: str) -> None:
    """What became, or would become, of each document."""
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode({"results": results}), indent=2).decode())
        return
    rows = [
        (
            f"{result.kind.lower()} {result.name}",
            Cell(result.action, _ACTION_STYLES.get(result.action, "cyan")),
            f"revision {result.revision}",
        )
        for result in results
    ]
    for result, line in zip(results, table_lines((), rows), strict=True):
        print(line)
        if result.action == "changed":
            for change in result.changes:
                arrow = f"{paint(_value(change.before), 'red')} → {paint(_value(change.after), 'green')}"
                print(f"    {one_line(change.path)}: {arrow}")
        if dry_run:
            for effect in result.effects:
                print(f"    {paint(effect.kind, 'cyan')}: {one_line(effect.text)}")
    sys.stdout.flush()  # before what --wait says on stderr


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    return one_line(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))


COMMAND = Command(
    name="apply",
    help="declare deployments and routes from files",
    example="modelway apply -f deploy/digits.yaml --wait\ncat route.yaml | modelway apply -f - --dry-run",
    add_arguments=_add_arguments,
    run=_run,
)
