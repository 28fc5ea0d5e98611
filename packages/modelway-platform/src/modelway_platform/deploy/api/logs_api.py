"""`/v1/logs`: access records of the gateway and what the model servers wrote, as newline-delimited JSON."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.exchange import flag
from modelway_platform.deploy.api.parts import ApiParts, LogQuery
from modelway_platform.deploy.api.record_filter import read_filter
from modelway_platform.deploy.api.streaming import follow

MAX_TAIL = 10_000
_KNOWN = frozenset(
    {
        "source",
        "project",
        "model",
        "version",
        "replica",
        "requestId",
        "experiment",
        "mirrored",
        "status",
        "slower",
        "consumer",
        "tail",
        "follow",
    }
)


class LogsApi:
    """The handler around the log reader."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def paths(self) -> list[Path]:
        """Where the handler is found."""
        return [Path("/v1/logs", self.read, methods=["GET"])]

    async def read(self, request: Request) -> Response:
        """The last records, and those to come if asked to follow."""
        return follow(self._parts, self._parts.logs.read(_query(request)))


def _query(request: Request) -> LogQuery:
    given = dict(request.query_params)
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise InvalidRequestError(
            f"unknown query parameter {unknown[0][:50]!r}", hint=f"known: {', '.join(sorted(_KNOWN))}"
        )
    tail = given.get("tail", "100")
    if not tail.isascii() or not tail.isdigit() or int(tail[:9]) > MAX_TAIL:
        raise InvalidRequestError(f"query parameter tail: expected 0 to {MAX_TAIL}")
    match given.get("source", "access"):
        case "access" | "server" | "inference" as source:
            return LogQuery(
                source=source,
                project=given.get("project", ""),
                model=given.get("model", ""),
                version=given.get("version", ""),
                replica=given.get("replica", ""),
                request_id=given.get("requestId", ""),
                experiment=given.get("experiment", ""),
                mirrored=flag(request, "mirrored") if "mirrored" in given else None,
                only=read_filter(given, source),
                tail=int(tail),
                follow=flag(request, "follow"),
            )
        case other:
            raise InvalidRequestError(
                f"query parameter source: expected access, server or inference, got {other[:50]!r}"
            )
