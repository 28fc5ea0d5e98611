"""What the gateway answers itself: `/_/livez`, `/_/readyz`, `/_/metrics`."""

from typing import TYPE_CHECKING

from modelway.http1.answers import error_body
from modelway_platform.gateway.proxy.metrics import exposition, jobs_page, read_snapshots
from modelway_platform.gateway.proxy.worker_state import WorkerState

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.caller import CallerConnection


def answer(caller: "CallerConnection", worker: WorkerState) -> None:
    """Answer the outstanding request, whose path begins with `/_/`."""
    request = caller.request
    path = request.path if request is not None else b""
    if request is not None and request.method not in {b"GET", b"HEAD"}:
        caller.respond(405, error_body("method_not_allowed", "only GET works here"), headers=b"allow: GET, HEAD\r\n")
    elif path == b"/_/livez":
        caller.respond(200, b'{"status":"live"}')
    elif path == b"/_/readyz":
        number = worker.routes.number
        if worker.ready:
            caller.respond(200, b'{"status":"ready","table":%d}' % number)
        else:
            caller.respond(
                503, error_body("not_ready", "no route table has been read yet"), headers=b"retry-after: 1\r\n"
            )
    elif path == b"/_/metrics":
        page = exposition(read_snapshots(worker.gateway_folder)) + jobs_page(worker.gateway_folder)
        caller.respond(200, page, b"text/plain; version=0.0.4; charset=utf-8")
    else:
        caller.respond(404, error_body("not_found", "nothing is here", "try /_/livez, /_/readyz or /_/metrics"))
