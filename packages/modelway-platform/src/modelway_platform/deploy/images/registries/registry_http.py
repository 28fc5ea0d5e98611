"""HTTP to a registry: who asks, redirects, second tries; nothing is believed that has not been checked."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from modelway.errors import ForbiddenError, ModelwayError, NotFoundError, UnauthenticatedError
from modelway_platform.deploy.images.content.descriptor import MAX_DOCUMENT_BYTES, ImageError, parse_object
from modelway_platform.deploy.images.registries.challenge import parse_challenge
from modelway_platform.deploy.images.registries.credentials import HOW_TO, Credentials

_TIMEOUT_SECONDS = 60.0
_TRIES = 5
_LONGEST_PAUSE = 30.0
_REDIRECTS = 5
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_MAX_TOKEN = 64 * 1024

Body = bytes | Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(slots=True, kw_only=True)
class RegistryHttp:
    """Requests to one registry.

    Args:
        host: `HOST[:PORT]`.
        plain_http: Whether to speak without TLS, which the person has to ask for.
        credentials: Who we are; None for anybody.
        pause: Waits between tries.
    """

    host: str
    plain_http: bool = False
    credentials: Credentials | None = None
    pause: Callable[[float], None] = time.sleep
    _authorization: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def origin(self) -> str:
        return f"{'http' if self.plain_http else 'https'}://{self.host}"

    def send(
        self, method: str, url: str, *, scope: str, body: Body = b"", length: int = -1, headers: Mapping[str, str] = {}
    ) -> Reply:
        """One request and its whole answer, with second tries for what may go away; `url` may be a path.

        Args:
            method: GET, HEAD, POST, PUT, PATCH.
            url: Absolute, or a path at this registry.
            scope: What a token has to allow: `repository:NAME:pull,push`.
            body: What to send; a function is called once per try.
            length: Its length, where it is a function.
            headers: More headers.
        """
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                with self.open(method, url, scope=scope, body=body, length=length, headers=headers) as (answer, at):
                    content = answer.read(MAX_DOCUMENT_BYTES + 1)
                    found = {name.lower(): value for name, value in answer.getheaders()}
                    reply = Reply(status=answer.status, headers=found, body=content, url=at)
                if reply.status not in _AGAIN or last:
                    return reply
                self.pause(_pause_seconds(attempt, found.get("retry-after", "")))
            except (OSError, http.client.HTTPException) as error:
                if last or isinstance(error, ssl.SSLError):
                    raise self.unreachable(method, url, error) from error
                self.pause(_pause_seconds(attempt, ""))
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        scope: str,
        body: Body = b"",
        length: int = -1,
        headers: Mapping[str, str] = {},
    ) -> Generator[tuple[http.client.HTTPResponse, str]]:
        """One request without second tries, except to say who asks; yields the answer, its body unread, and its URL."""
        url = urljoin(self.origin, url)
        asked, moves = False, 0
        while True:
            answer, connection = None, self._connect(url)
            try:
                sent = self._headers(url, scope, length if callable(body) else len(body), headers)
                target = urlunsplit(("", "", urlsplit(url).path or "/", urlsplit(url).query, ""))
                connection.request(method, target, body=body() if callable(body) else body, headers=sent)
                answer = connection.getresponse()
                if answer.status == HTTPStatus.UNAUTHORIZED and not asked and self._is_ours(url):
                    asked = True
                    self._authorize(answer.getheader("WWW-Authenticate") or "", scope)
                    continue
                if answer.status in _MOVED and method in {"GET", "HEAD"} and moves < _REDIRECTS:
                    moves += 1
                    url = self.follow(answer.getheader("Location") or "", url)
                    continue
                yield answer, url
                return
            finally:
                if answer is not None:
                    answer.close()
                connection.close()

    def follow(self, location: str, url: str) -> str:
        """Where an answer points to.

        Raises:
            ImageError: From a safe connection to an unsafe one, or nowhere.
        """
        target = urljoin(url, location)
        if not location or urlsplit(target).scheme not in ({"http", "https"} if self.plain_http else {"https"}):
            raise ImageError(f"{self.host} points to {_shown(target) or 'nowhere'}, which is not safe to follow")
        return target

    def unreachable(self, method: str, url: str, error: Exception) -> ModelwayError:
        """What to say when there was no answer."""
        hint = "check the address; a registry without TLS needs --plain-http."
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        where = _shown(urljoin(self.origin, url))
        return ModelwayError(f"{method} {where}: no answer ({reason})", hint=hint, code="unreachable")

    def refused(self, reply: Reply, what: str) -> ModelwayError:
        """What to say of an answer that is not the one wanted."""
        told = _told(reply.body)
        message = f"{self.host}: {what}: status {reply.status}{f', {told}' if told else ''}"
        if reply.status == HTTPStatus.UNAUTHORIZED:
            return UnauthenticatedError(message, hint=HOW_TO)
        if reply.status == HTTPStatus.FORBIDDEN:
            return ForbiddenError(message, hint="ask for the right to push or pull there.")
        if reply.status == HTTPStatus.NOT_FOUND:
            return NotFoundError(message, hint="check the name and the tag.")
        return ModelwayError(message, hint="see the registry's log.", code="unreachable")

    def _connect(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(parts.netloc, timeout=_TIMEOUT_SECONDS, context=context)
        return http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)

    def _headers(self, url: str, scope: str, length: int, headers: Mapping[str, str]) -> dict[str, str]:
        sent = {"User-Agent": "modelway", "Accept-Encoding": "identity", "Content-Length": str(length), **headers}
        if self._is_ours(url) and scope in self._authorization:  # nobody else gets to see it
            sent["Authorization"] = self._authorization[scope]
        return sent

    def _is_ours(self, url: str) -> bool:
        return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" == self.origin

    def _authorize(self, header: str, scope: str) -> None:
        challenge = parse_challenge(header, self.host)
        if challenge.scheme == "basic":
            if self.credentials is None:
                raise UnauthenticatedError(f"{self.host} wants a user and a password", hint=HOW_TO)
            self._authorization[scope] = self.credentials.basic()
        else:
            self._authorization[scope] = f"Bearer {self._token(challenge.realm, challenge.service, scope)}"

    def _token(self, realm: str, service: str, scope: str) -> str:
        realm = self.follow(realm, self.origin)
        # A scope may name two repositories, for a mount from one to the other.
        query = urlencode([("service", service), *(("scope", each) for each in scope.split(" "))])
        parts = urlsplit(realm)
        connection = self._connect(realm)
        headers = {"User-Agent": "modelway"}
        if self.credentials is not None:
            headers["Authorization"] = self.credentials.basic()
        try:
            joined = f"{parts.query}&{query}" if parts.query else query
            connection.request("GET", f"{parts.path or '/'}?{joined}", headers=headers)
            with connection.getresponse() as answer:
                content = answer.read(_MAX_TOKEN)
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            message = f"{parts.netloc} gives no token for {scope}: status {answer.status}"
            raise UnauthenticatedError(message, hint=HOW_TO)
        found = parse_object(content, f"token from {parts.netloc}")
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise UnauthenticatedError(f"{parts.netloc} answered without a token", hint=HOW_TO)
        return token


def _pause_seconds(attempt: int, retry_after: str) -> float:
    asked = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return min(max(0.25 * 2**attempt, asked), _LONGEST_PAUSE)


def _shown(url: str) -> str:
    # Queries of upload and storage URLs are signatures.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"[:300]


def _told(body: bytes) -> str:
    try:
        document: Any = json.loads(body)
        first = document["errors"][0]
        return f"{first.get('code', '')} {first.get('message', '')}".strip()[:200]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""
