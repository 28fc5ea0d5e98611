"""`modelway delete`: removes deployments and routes; replicas finish their requests first."""

import argparse
import time

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.document_name import DocumentName, add_document_names, document_names
from modelway.client import ControlClient
from modelway.errors import ConflictError, DeadlineExceededError, NotFoundError

_INTERVAL = 0.2


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_document_names(parser, several=True)
    parser.add_argument(
        "--force",
        action="store_true",
        help="also a deployment that a route still uses, and more than half of a project at once",
    )
    parser.add_argument("--wait", action="store_true", help="return only when nothing of it runs any more")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="of --wait; default: 120")
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    names = document_names(args)
    with open_control(args) as client:
        for name in names:
            _delete(client, name, force=args.force)
            print(f"{name}  {'removed' if name.kind != 'deployments' else 'deleting: replicas finish their requests'}")
        if args.wait:
            for name in names:
                _wait_until_gone(client, name, time.monotonic() + args.timeout)
                print(f"{name}  gone")
    return EXIT_OK


def _delete(client: ControlClient, name: DocumentName, *, force: bool) -> None:
    try:
        client.delete(name.kind, name.name, force=force)
    except ConflictError as error:
        error.hint = error.hint.replace("`?force=true`", f"`modelway delete {name} --force`")
        raise


def _wait_until_gone(client: ControlClient, name: DocumentName, until: float) -> None:
    while True:
        try:
            client.get(name.kind, name.name)
        except NotFoundError:
            return
        if time.monotonic() > until:
            raise DeadlineExceededError(
                f"{name} is still there", hint=f"look at why with `modelway describe {name}`; it goes on without us"
            )
        time.sleep(_INTERVAL)


COMMAND = Command(
    name="delete",
    help="remove a deployment, a route, a stage or a cluster",
    example="modelway delete deployment vision/digits/v1 --wait\nmodelway get routes -o name | xargs modelway delete",
    add_arguments=_add_arguments,
    run=_run,
)
