"""`modelway call`: one request to a deployed model through the gateway."""

import argparse
import mimetypes
import sys
from pathlib import Path

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, connection_of
from modelway.cli.showing.output import note, seconds_text
from modelway.cli.showing.package_facts import endpoints_of, example_request, package_of
from modelway.client import (
    CallOptions,
    Connection,
    ControlClient,
    JobClient,
    ModelAnswer,
    ModelClient,
    RetryPolicy,
    Timeouts,
)
from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError

_USUAL_ENDPOINT = "predict"
# Who sits before the terminal wants to see what is wrong, and can ask again.
_ONCE = RetryPolicy(tries=1)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="MODEL", help="PROJECT/MODEL, or PROJECT/MODEL/VERSION for that version only")
    parser.add_argument("endpoint", nargs="?", default="", help="default: predict, or the only one there is")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "-d", "--data", metavar="JSON", help='inputs by name, as {"x": 1}; @FILE for a file, - for stdin'
    )
    source.add_argument(
        "--body", metavar="FILE", help="a file that is the request's one field itself, such as an image"
    )
    source.add_argument("--example", action="store_true", help="the package's own golden example (needs an admin key)")
    parser.add_argument(
        "--content-type", default="", metavar="TYPE", help="of the file after --body; default: by its name"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="also say on stderr who answered and how fast")
    _add_async_options(parser)
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="default: 60")
    parser.add_argument("--request-id", default="", metavar="ID", help="default: the gateway makes one")
    add_connection_options(parser)


def _add_async_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("asynchronously", "stdout then has the job's id; see `modelway job`")
    add = group.add_argument
    add("--async", dest="asynchronous", action="store_true", help="hand it over and do not wait for the answer")
    add("--idempotency-key", default="", metavar="KEY", help="the same key is the same job, however often it is sent")
    add("--priority", type=int, default=None, metavar="0-9", help="higher first; default: 4")
    add("--expires", default="", metavar="TIME", help="90s, 12h: when nobody wants the answer any more")
    add("--callback", default="", metavar="URL", help="is told of the job's end")


def _run(args: argparse.Namespace) -> int:
    connection = connection_of(args)
    body, content_type = _request(connection, args)
    if args.asynchronous:
        return _submit(connection, args, body, content_type)
    with ModelClient(args.target, server=connection.gateway, timeout=args.timeout, retries=_ONCE) as client:
        answer = _ask(client, connection, args, body, content_type)
    print(msgspec.json.encode(answer.value).decode())
    if args.verbose:
        version = answer.version or "an unnamed version"
        note(f"{version} answered in {seconds_text(answer.seconds)}, request {answer.request_id or 'without id'}")
    return EXIT_OK


def _submit(connection: Connection, args: argparse.Namespace, body: bytes, content_type: str) -> int:
    timeouts = Timeouts(silence=args.timeout)
    with JobClient(connection.gateway, timeouts=timeouts, timeout=args.timeout, retries=_ONCE) as client:
        job = client.submit(
            args.target,
            body,
            endpoint=args.endpoint or _USUAL_ENDPOINT,
            content_type=content_type,
            idempotency_key=args.idempotency_key,
            priority=args.priority,
            expires=args.expires,
            callback=args.callback,
            request_id=args.request_id,
        )
    print(job["id"])
    if args.verbose:
        note(f"job {job['id']} is {job['state']}; it is kept until it has ended and for a while after")
    return EXIT_OK


def _request(connection: Connection, args: argparse.Namespace) -> tuple[bytes, str]:
    """The body to send and its media type."""
    if args.body is None:
        data = _body(args.data) if args.data is not None else _example(connection, args.target, args.endpoint)
        return data, "application/json"
    media = args.content_type or mimetypes.guess_type(args.body)[0] or "application/octet-stream"
    try:
        return Path(args.body).read_bytes(), media
    except OSError as error:
        raise InvalidRequestError(f"cannot read {args.body}: {error.strerror}") from error


def _ask(
    client: ModelClient, connection: Connection, args: argparse.Namespace, body: bytes, content_type: str
) -> ModelAnswer:
    endpoint = args.endpoint or _USUAL_ENDPOINT
    options = CallOptions(request_id=args.request_id)
    try:
        return client.ask_raw(body, endpoint=endpoint, options=options, content_type=content_type)
    except NotFoundError as error:
        if args.endpoint or error.error_code != "endpoint_not_found":
            raise
        names = _endpoints(connection, args.target)
        if len(names) != 1:
            hint = f"say which: {', '.join(names)}" if names else error.hint
            raise NotFoundError(error.message, hint=hint, code=error.error_code) from error
    return client.ask_raw(body, endpoint=names[0], options=options, content_type=content_type)


def _endpoints(connection: Connection, target: str) -> list[str]:
    """The target's endpoints, if this key may ask for them."""
    try:
        with ControlClient(connection.control) as control:
            return endpoints_of(control, package_of(control, target))
    except ModelwayError:
        return []


def _example(connection: Connection, target: str, endpoint: str) -> bytes:
    with ControlClient(connection.control) as control:
        digest = package_of(control, target)
        names = [endpoint] if endpoint else [_USUAL_ENDPOINT, *endpoints_of(control, digest)]
        requests = (example_request(control, digest, name) for name in names)
        request = next((one for one in requests if one is not None), None)
    if request is None:
        raise NotFoundError(
            f"the package of {target} has no golden example for {names[-1]}", hint="give the inputs with -d"
        )
    return msgspec.json.encode(request)


def _body(data: str) -> bytes:
    """The request's JSON text, checked here so that a slip of the pen is not answered from afar."""
    try:
        if data == "-":
            text = sys.stdin.buffer.read()
        else:
            text = Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    except OSError as error:
        raise InvalidRequestError(f"cannot read {data[1:]}: {error.strerror}") from error
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(
            f"the inputs are not JSON: {error}",
            code="invalid_json",
            hint="for example -d '{\"x\": 1}', or -d @request.json",
        ) from error
    return text


COMMAND = Command(
    name="call",
    help="send one request to a model through the gateway",
    example="modelway call vision/digits -d @request.json -v\nmodelway call vision/digits/v1 predict --example",
    add_arguments=_add_arguments,
    run=_run,
)
