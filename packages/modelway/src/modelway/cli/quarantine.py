"""`modelway quarantine`: inputs that a model failed on, as `modelway serve --quarantine` keeps them: seen, sent again, deleted."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command, HelpFormatter
from modelway.cli.connect import add_connection_options, connection_of
from modelway.cli.showing.output import note
from modelway.cli.showing.table_text import Cell, Row, one_line, table_lines
from modelway.cli.showing.time_text import age
from modelway.client import CallOptions, ModelClient, RetryPolicy
from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError
from modelway.serving.quarantine.samples import SUFFIX, Sample, read_sample, sample_files

_WORDS = {"singled_out": "found in a batch", "failed": "failed", "crashed": "crashed the model"}
_ONCE = RetryPolicy(tries=1)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|replay|delete")
    listing = verbs.add_parser("list", help="what is kept, oldest first", formatter_class=HelpFormatter)
    shown = verbs.add_parser("show", help="one sample", formatter_class=HelpFormatter)
    replay = verbs.add_parser(
        "replay", help="send samples again; status 1 unless all are answered", formatter_class=HelpFormatter
    )
    delete = verbs.add_parser("delete", help="what is not needed any more", formatter_class=HelpFormatter)
    for sub in (listing, shown, replay, delete):
        sub.add_argument("folder", type=Path, metavar="FOLDER", help="what `serve --quarantine` names")
    listing.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    listing.add_argument("--endpoint", default="", help="only of one endpoint")
    shown.add_argument("id", metavar="ID", help="as `quarantine list` shows it")
    shown.add_argument("--request", action="store_true", help="only what was asked, ready to be sent")
    replay.add_argument("ids", nargs="*", metavar="ID", help="default: all")
    where = replay.add_mutually_exclusive_group(required=True)
    where.add_argument("--at", default="", metavar="URL", help="a model server, as http://127.0.0.1:8080")
    where.add_argument("--model", default="", metavar="MODEL", help="PROJECT/MODEL[/VERSION] at the gateway")
    replay.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="of each; default: 60")
    add_connection_options(replay)
    delete.add_argument("ids", nargs="*", metavar="ID", help="as `quarantine list` shows it")
    delete.add_argument("--all", action="store_true", help="every sample")


def _run(args: argparse.Namespace) -> int:
    match args.verb:
        case "list":
            _list(args.folder, args.endpoint, args.output)
        case "show":
            _show(read_sample(args.folder, args.id), request=args.request)
        case "delete":
            _delete(args.folder, args.ids, everything=args.all)
        case _:
            return _replay(args)
    return EXIT_OK


def _ids(folder: Path) -> list[str]:
    try:
        return [each.name.removesuffix(SUFFIX) for each in sample_files(folder)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidRequestError(f"{folder} cannot be read: {error.strerror}") from None


def _samples(folder: Path, ids: Sequence[str]) -> Iterator[tuple[str, Sample]]:
    """Those that can be read; of the others it is said."""
    for sample_id in ids:
        try:
            yield sample_id, read_sample(folder, sample_id)
        except NotFoundError:
            continue  # a server has just removed it
        except ModelwayError as error:
            note(error.message)


def _list(folder: Path, endpoint: str, output: str) -> None:
    found = [(name, each) for name, each in _samples(folder, _ids(folder)) if endpoint in {"", each.endpoint}]
    if output == "json":
        items = [{"id": name, **_without_request(each)} for name, each in found]
        print(msgspec.json.format(msgspec.json.encode({"items": items})).decode())
    elif found:
        print(
            "\n".join(
                table_lines(("id", "age", "endpoint", "how", "error", "request"), [_row(*each) for each in found])
            )
        )
    else:
        note(f"{folder} has no samples")


def _without_request(sample: Sample) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(sample, request=msgspec.UNSET))
    return values


def _row(sample_id: str, sample: Sample) -> Row:
    how = Cell(_WORDS[sample.why], "red") if sample.why == "crashed" else _WORDS[sample.why]
    what = sample.omitted or (f"{len(bytes(sample.request))} bytes" if sample.request is not msgspec.UNSET else "")
    reason = f"{sample.error}: {sample.reason}" if sample.reason else sample.error
    return (
        sample_id,
        age(sample.time),
        sample.endpoint,
        how,
        one_line(reason),
        what + (", redacted" if sample.redacted else ""),
    )


def _show(sample: Sample, *, request: bool) -> None:
    if not request:
        print(msgspec.json.format(msgspec.json.encode(sample)).decode())
        return
    if sample.redacted:
        note("something in it was redacted; see `show` without --request")
    print(_request_of(sample).decode())


def _request_of(sample: Sample) -> bytes:
    if sample.request is msgspec.UNSET:
        raise InvalidRequestError(f"the request was not kept: {sample.omitted}")
    return bytes(sample.request)


def _replay(args: argparse.Namespace) -> int:
    ids = args.ids or _ids(args.folder)
    if not ids:
        note(f"{args.folder} has no samples")
        return EXIT_OK
    for sample_id in args.ids:
        read_sample(args.folder, sample_id)  # one that is named has to be there
    client = (
        ModelClient(url=args.at, timeout=args.timeout, retries=_ONCE)
        if args.at
        else ModelClient(args.model, server=connection_of(args).gateway, timeout=args.timeout, retries=_ONCE)
    )
    with client:
        rows = [(name, sample.endpoint, *_sent(client, sample)) for name, sample in _samples(args.folder, ids)]
    print("\n".join(table_lines(("id", "endpoint", "result", "which is"), rows)))
    answered = sum(cell.text == "answered" for _, _, cell, _ in rows)
    note(f"{answered} of {len(rows)} answered")
    return EXIT_OK if answered == len(rows) else EXIT_ERROR


def _sent(client: ModelClient, sample: Sample) -> tuple[Cell, str]:
    if sample.request is msgspec.UNSET:
        return Cell("not kept", "yellow"), sample.omitted
    told = "redacted before; " if sample.redacted else ""
    options = CallOptions(request_id=f"replay-{sample.request_id}"[:128])
    try:
        answer = client.ask_raw(_request_of(sample), endpoint=sample.endpoint, options=options)
    except ModelwayError as error:
        if error.error_code == "unreachable":
            raise
        return Cell(error.error_code, "red"), one_line(told + error.message)
    return Cell("answered", "green"), one_line(told + msgspec.json.encode(answer.value).decode()[:200])


def _delete(folder: Path, ids: Sequence[str], *, everything: bool) -> None:
    if bool(ids) == everything:
        raise InvalidRequestError("say which samples, or --all", hint=f"modelway quarantine list {folder}")
    for sample_id in ids:
        read_sample(folder, sample_id)
    names = list(ids) or _ids(folder)
    try:
        for sample_id in names:
            (folder / f"{sample_id}{SUFFIX}").unlink(missing_ok=True)
    except OSError as error:
        raise InvalidRequestError(f"{folder} cannot be changed: {error.strerror}") from None
    note(f"{len(names)} samples deleted")


COMMAND = Command(
    name="quarantine",
    help="look at inputs that a model failed on, and send them again",
    example=(
        "modelway serve . --quarantine poison\nmodelway quarantine list poison\n"
        "modelway quarantine show poison ID --request > request.json\n"
        "modelway quarantine replay poison --at http://127.0.0.1:8080"
    ),
    add_arguments=_add_arguments,
    run=_run,
)
