"""The console as one application: pages, signing in, and two doors to the public APIs."""

import asyncio
import secrets
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelway.client.async_http_client import AsyncHttpClient
from modelway.errors import ForbiddenError, InvalidRequestError, ModelwayError, NotFoundError, UnauthenticatedError
from modelway_platform.console.forwarding import Forwarder, refusal
from modelway_platform.console.sampler import sample
from modelway_platform.console.series import Series
from modelway_platform.console.sessions import SESSION_SECONDS, TICKET_SECONDS, Secrets, Session, Who

PAGES = Path(__file__).parent / "pages"
OUR_HEADER = "x-modelway-console"
"""Takes the session's token. Another site's page does not know it, and cannot send the header without being asked first
whether it may (CORS), which nothing here answers."""
_MOST_KEY_BYTES = 1024
_ABOUT_SECONDS = 10.0
_SAFE = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _SAFE),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the public APIs are, as base URLs."""

    control: str
    gateway: str


class _SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str = ""
    ticket: str = ""


class ConsoleServer:
    """Handlers of the console; nothing here knows more than the public APIs tell.

    Args:
        doors: Where these are.
        cookie: Name of the cookie; cookies do not know ports, so each console of a host has one of its own.
        gateway_tls: How to know the gateway over HTTPS, if not by the system's authorities.
    """

    def __init__(self, doors: Doors, *, cookie: str, gateway_tls: ssl.SSLContext | None = None) -> None:
        self._doors = doors
        self._cookie = cookie
        self._sessions = Secrets(SESSION_SECONDS)
        self._tickets = Secrets(TICKET_SECONDS)
        self._control_client = AsyncHttpClient(doors.control)
        self._gateway_client = AsyncHttpClient(doors.gateway, tls=gateway_tls)
        self._control = Forwarder(self._control_client, "/v1", ("Authorization", "Bearer {key}"))
        self._gateway = Forwarder(self._gateway_client, "", ("X-API-Key", "{key}"))
        self._series = Series()

    def app(self) -> Starlette:
        """The application."""
        methods = ["GET", "POST", "PUT", "DELETE"]
        return Starlette(
            routes=[
                Route("/livez", self.live),
                Route("/session", self.session, methods=["GET", "POST", "PUT", "DELETE"]),
                Route("/tickets", self.make_ticket, methods=["POST"]),
                Route("/api/series", self.series),
                Route("/api/about-control/{what}", self.about_control),
                Route("/api/control/{path:path}", self.control, methods=methods),
                Route("/api/gateway/{path:path}", self.gateway, methods=methods),
                Mount("/", StaticFiles(directory=PAGES, html=True)),
            ],
            exception_handlers={ModelwayError: _refuse},
            middleware=[Middleware(_SafeHeaders)],
            lifespan=self._sampling,
        )

    @asynccontextmanager
    async def _sampling(self, _: Starlette) -> AsyncGenerator[None]:
        task = asyncio.create_task(sample(self._gateway_client, self._series))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def live(self, request: Request) -> Response:
        """The process runs."""
        return PlainTextResponse("ok\n")

    async def session(self, request: Request) -> Response:
        """GET: who is signed in. POST: signs in, with a key, token or ticket. PUT: takes a key to call with. DELETE: signs out."""
        if request.method == "GET":
            session = self._session_of(request)
            return _json({"signedIn": True, **self._told(session)} if session else {"signedIn": False})
        if OUR_HEADER not in request.headers:
            raise ForbiddenError(f"only the console's own pages may ask this; they send {OUR_HEADER}")
        if request.method == "DELETE":
            if self._session_of(request):
                self._sessions.take(request.cookies.get(self._cookie, ""))
            answer = _json({"signedIn": False})
            answer.delete_cookie(self._cookie)
            return answer
        if request.method == "PUT":
            session = replace(self._must_be_signed_in(request), calls_with=(await _read_sign_in(request)).key)
            self._sessions.change(request.cookies.get(self._cookie, ""), session)
            return _json({"signedIn": True, **self._told(session)})
        return await self._sign_in(request, await _read_sign_in(request))

    async def make_ticket(self, request: Request) -> Response:
        """With an admin key or a token: a name for it that signs in once, soon, so that a link need not hold the key."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError("an admin key or a token is needed", hint="send `Authorization: Bearer KEY`")
        who = await self._whose(key.strip())
        return _json({"ticket": self._tickets.add(key.strip(), who)[0]})

    async def series(self, request: Request) -> Response:
        """Requests, errors and latency of the last `seconds` (900), of one project or model if asked."""
        only = self._must_be_signed_in(request).who.projects
        given = request.query_params
        seconds = given.get("seconds", "900")
        if not seconds.isascii() or not seconds.isdigit():
            raise InvalidRequestError("query parameter seconds: expected a whole number")
        now = time.time()
        named = given.get("project", ""), given.get("model", "")
        return _json(self._series.read(float(seconds[:6]), now, *named, only=only))

    async def control(self, request: Request) -> Response:
        """The control API."""
        return await self._control.forward(request, self._must_be_signed_in(request).key)

    async def about_control(self, request: Request) -> Response:
        """What the control process says of itself, which lies beside its API: `metrics` or `readyz`."""
        self._must_be_signed_in(request)
        what = request.path_params["what"]
        if what not in {"metrics", "readyz"}:
            raise NotFoundError("there is nothing at this path", hint="metrics, readyz")
        answer = await self._control_client.request("GET", f"/{what}", until=time.monotonic() + _ABOUT_SECONDS)
        return PlainTextResponse(answer.body)

    async def gateway(self, request: Request) -> Response:
        """The gateway."""
        session = self._must_be_signed_in(request)
        return await self._gateway.forward(request, session.calls_with or session.key)

    def _session_of(self, request: Request) -> Session | None:
        """Cookie and token must belong together."""
        session = self._sessions.find(request.cookies.get(self._cookie, ""))
        token = request.headers.get(OUR_HEADER, "")
        good = session is not None and secrets.compare_digest(session.token.encode(), token.encode())
        return session if good else None

    def _must_be_signed_in(self, request: Request) -> Session:
        session = self._session_of(request)
        if session is None:
            raise UnauthenticatedError(
                "nobody is signed in here", hint="sign in with an admin key or a token, or: modelway console"
            )
        return session

    async def _sign_in(self, request: Request, given: _SignIn) -> Response:
        key = given.key
        if given.ticket:
            found = self._tickets.take(given.ticket)
            if found is None:
                raise UnauthenticatedError(
                    "the link is used up, or older than two minutes", hint="print another one: modelway console"
                )
            key = found.key
        name, session = self._sessions.add(key, await self._whose(key))
        answer = _json({"signedIn": True, "token": session.token, **self._told(session)})
        answer.set_cookie(
            self._cookie,
            name,
            max_age=int(SESSION_SECONDS),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def _told(self, session: Session) -> dict[str, object]:
        """What pages know of who is signed in: what they may not do need not be offered."""
        doors = {"control": self._doors.control, "gateway": self._doors.gateway}
        who = {"name": session.who.name, "role": session.who.role, "projects": session.who.projects}
        return {**doors, **who, "key": session.key[:9]}

    async def _whose(self, key: str) -> Who:
        """Whom control says that this key belongs to; raises what it says to whoever may not even look."""
        answer = await self._control_client.request("GET", "/v1/caller", headers={"Authorization": f"Bearer {key}"})
        return msgspec.json.decode(answer.body, type=Who)


class _SafeHeaders:
    """Adds to every answer what keeps a page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_safely if scope["type"] == "http" else send)


async def _read_sign_in(request: Request) -> _SignIn:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_KEY_BYTES:
            raise InvalidRequestError("that is too long for a key")
    try:
        given = msgspec.json.decode(body, type=_SignIn)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequestError('send {"key": "…"}') from error
    key = given.key.strip()
    if not given.ticket and (not key or not key.isascii() or not key.isprintable() or " " in key):
        raise UnauthenticatedError("that is no key", hint="a key looks like mw_…")
    return _SignIn(key, given.ticket)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, ModelwayError)
    return refusal(error)
