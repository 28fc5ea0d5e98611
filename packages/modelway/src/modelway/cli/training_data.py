"""`modelway logs export` and `modelway logs feedback`: from answered requests back into training."""

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.dataset_store import publish
from modelway.cli.showing.output import note
from modelway.errors import InvalidRequestError
from modelway.packaging.store.open_store import open_store

_MOST_AT_ONCE = 1000


def _add_export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="PROJECT[/MODEL[/VERSION]]")
    parser.add_argument(
        "--into",
        required=True,
        metavar="FOLDER",
        help="a folder, or s3://bucket/prefix: gets a folder per version: v1, v2, …",
    )
    parser.add_argument(
        "--since", default="", metavar="TIME", help="of the last 90m, 2h, 7d, or from an RFC 3339 time on"
    )
    parser.add_argument("--until", default="", metavar="TIME", help="up to then; default: now")
    parser.add_argument("--labelled", action="store_true", help="only requests with a label or reward")
    parser.add_argument("--mirrored", action="store_true", help="copies, too")
    add_connection_options(parser)
    parser.set_defaults(usage_error=parser.error)


def _run_export(args: argparse.Namespace) -> int:
    parts = args.target.split("/")
    if len(parts) > 3 or not all(parts):
        args.usage_error(f"{args.target!r} is not PROJECT[/MODEL[/VERSION]]")
    project, model, version = [*parts, "", ""][:3]
    asked: dict[str, Any] = {
        "project": project, "model": model, "version": version, "since": args.since, "until": args.until,
        "labelled": args.labelled, "mirrored": args.mirrored,
    }  # fmt: skip
    store = open_store(args.into) if args.into.startswith("s3://") else None  # an error now, not after the export
    into = Path(args.into) if store is None else None
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
    with open_control(args) as client, tempfile.TemporaryDirectory(prefix=".export-", dir=into) as name:
        unfinished = Path(name) / "version"
        unfinished.mkdir()
        digest, size = hashlib.sha256(), 0
        with (unfinished / "data.parquet").open("wb") as file:
            for block in client.export_logs(asked):
                size += file.write(block)
                digest.update(block)
        if into is not None:
            print(_published(into, unfinished, asked, digest.hexdigest(), size))
        elif store is not None:
            version, new = publish(store, unfinished / "data.parquet", _about(asked, digest.hexdigest(), size))
            if not new:
                note(f"nothing has changed since {version}")
            print(f"{args.into.rstrip('/')}/{version}")
    return EXIT_OK


def _published(into: Path, unfinished: Path, asked: dict[str, Any], digest: str, size: int) -> Path:
    """The next version's folder, complete or not at all; the last one again if nothing has changed."""
    numbers = [int(path.name[1:]) for path in into.glob("v*") if path.name[1:].isdigit()]
    last = into / f"v{max(numbers)}" if numbers else None
    if last is not None and _digest_of(last) == digest:
        note(f"nothing has changed since {last.name}")
        return last
    about = {"version": max(numbers, default=0) + 1, **_about(asked, digest, size)}
    (unfinished / "dataset.json").write_bytes(msgspec.json.format(msgspec.json.encode(about)) + b"\n")
    target = into / f"v{about['version']}"
    try:
        unfinished.rename(target)
    except OSError as error:
        raise InvalidRequestError(
            f"{target} appeared meanwhile: {error}", hint="run it again", code="conflict"
        ) from error
    return target


def _about(asked: dict[str, Any], digest: str, size: int) -> dict[str, Any]:
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"created": created, "sha256": digest, "bytes": size, "asked": asked}


def _digest_of(version: Path) -> str:
    try:
        found = msgspec.json.decode((version / "dataset.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return ""
    return str(found.get("sha256", ""))


def _add_feedback_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request_id", nargs="?", default="", metavar="REQUEST_ID", help="of the request")
    parser.add_argument("--label", default=None, metavar="JSON", help="what is true: JSON, or a text as it is")
    parser.add_argument("--reward", type=float, default=None, metavar="NUMBER", help="how good the answer was")
    parser.add_argument(
        "--file",
        default="",
        metavar="FILE",
        help='many: a line each, {"requestId": …, "label": …, "reward": …}; - reads stdin',
    )
    add_connection_options(parser)
    parser.set_defaults(usage_error=parser.error)


def _run_feedback(args: argparse.Namespace) -> int:
    if bool(args.file) is bool(args.request_id):
        args.usage_error("give either REQUEST_ID or --file")
    if args.file:
        items = _from_lines(sys.stdin.read() if args.file == "-" else Path(args.file).read_text(encoding="utf-8"))
    else:
        item: dict[str, Any] = {"requestId": args.request_id}
        if args.label is not None:
            item["label"] = _json_or_text(args.label)
        if args.reward is not None:
            item["reward"] = args.reward
        items = [item]
    with open_control(args) as client:
        for first in range(0, len(items), _MOST_AT_ONCE):
            client.feed_back(items[first : first + _MOST_AT_ONCE])
    note(f"{len(items)} accepted")
    return EXIT_OK


def _from_lines(text: str) -> list[Any]:
    items: list[Any] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                items.append(msgspec.json.decode(line))
            except msgspec.DecodeError as error:
                raise InvalidRequestError(f"line {number} is not JSON: {error}", code="invalid_json") from error
    return items


def _json_or_text(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


EXPORT = Command(
    name="logs export",
    help="a versioned data set of what a model was asked and said, with labels where they were fed back",
    example="modelway logs export vision/digits --into datasets/digits --since 7d --labelled",
    add_arguments=_add_export_arguments,
    run=_run_export,
)
FEEDBACK = Command(
    name="logs feedback",
    help="tell what turned out to be true of an answer, or how good it was",
    example="modelway logs feedback 5f0c-1 --label 7\nmodelway logs feedback 5f0c-1 --reward 0.5\nmodelway logs feedback --file labels.ndjson",
    add_arguments=_add_feedback_arguments,
    run=_run_feedback,
)
