"""`grpc.health.v1.Health`: whether this server wants calls, asked once or watched."""

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError, UnavailableError
from modelway.protos.health import HealthCheckRequest, HealthCheckResponse
from modelway.rpc.call import Call

SERVICE = "grpc.health.v1.Health"


class Health:
    """The one state of a server, for all its services.

    Args:
        services: Their names; the empty one is the server as a whole.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset(services)
        self._watches: set[Watch] = set()
        self._serving = False

    def set_serving(self, *, serving: bool) -> None:
        """Say so to whoever asks or watches."""
        self._serving = serving
        for watch in tuple(self._watches):
            watch.tell()

    def end(self) -> None:
        """The server ends: who watches is told to watch another."""
        for watch in tuple(self._watches):
            watch.end(UnavailableError("the server is ending", hint="watch another"))

    def status_of(self, service: str) -> HealthCheckResponse:
        """What is said of a service; SERVICE_UNKNOWN of one that is not here."""
        if service not in self._services:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        return HealthCheckResponse(
            status=HealthCheckResponse.SERVING if self._serving else HealthCheckResponse.NOT_SERVING
        )

    def converse(self, call: Call) -> "Check | Watch":
        """Either method.

        Raises:
            ModelwayError: It is neither.
        """
        name = call.method.rpartition(b"/")[2]
        if name == b"Check":
            return Check(self, call)
        if name == b"Watch":
            return self.watch(call)
        raise ModelwayError("health has the methods Check and Watch", code="not_implemented")

    def check(self, call: Call, body: bytes) -> None:
        """`Check`."""
        service = read_service(body)
        if service not in self._services:
            raise NotFoundError(f"there is no service '{service[:80]}' here")
        call.respond(self.status_of(service).SerializeToString())

    def watch(self, call: Call) -> "Watch":
        """`Watch`."""
        return Watch(self, call)

    def add(self, watch: "Watch") -> None:
        """It is told of every change."""
        self._watches.add(watch)

    def remove(self, watch: "Watch") -> None:
        """It is told no more."""
        self._watches.discard(watch)


class Check:
    """One `Check` call among methods that may all take many messages.

    Args:
        health: What is asked about.
        call: Who asks.
    """

    def __init__(self, health: Health, call: Call) -> None:
        self._health = health
        self._call = call

    def message(self, body: bytes, /) -> None:
        self._health.check(self._call, body)

    def asked(self) -> None:
        raise ModelwayError("Check takes one message", code="not_implemented")

    def taken(self) -> None:
        pass

    def left(self) -> None:
        pass


class Watch:
    """One `Watch` call; goes on until the caller leaves or the server ends.

    Args:
        health: What is watched.
        call: Who watches.
    """

    def __init__(self, health: Health, call: Call) -> None:
        self._health = health
        self._call = call
        self._service: str | None = None
        self._told: HealthCheckResponse | None = None

    def message(self, body: bytes, /) -> None:
        if self._service is not None:
            raise ModelwayError("Watch takes one message", code="not_implemented")
        self._service = read_service(body)
        self._health.add(self)
        self.tell()

    def tell(self) -> None:
        """The present state, unless the caller knows it or has not taken the last."""
        assert self._service is not None
        status = self._health.status_of(self._service)
        if status != self._told and not self._call.unsent:
            self._told = status
            self._call.send(status.SerializeToString())

    def end(self, error: ModelwayError) -> None:
        """Say that it is over."""
        self._health.remove(self)
        self._call.fail(error)

    def asked(self) -> None:
        if self._service is None:
            raise ModelwayError("Watch takes one message", code="not_implemented")

    def taken(self) -> None:
        if self._service is not None:
            self.tell()

    def left(self) -> None:
        self._health.remove(self)


def read_service(body: bytes) -> str:
    """The service that is asked about.

    Raises:
        InvalidRequestError: The message is none.
    """
    try:
        return HealthCheckRequest.FromString(body).service
    except DecodeError:
        raise InvalidRequestError("the message is no HealthCheckRequest") from None
