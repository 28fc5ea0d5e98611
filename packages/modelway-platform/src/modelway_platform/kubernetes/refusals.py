"""What an API server says when it refuses, as errors."""

from collections.abc import Mapping

import msgspec

from modelway.errors import ModelwayError

CONFLICT = 409
EXPIRED = 410
_LONGEST = 300


class ApiRefusedError(ModelwayError):
    """The API server said no.

    Args:
        status: HTTP's, which says more than ours: 404, 409, 410, 422.
        reason: In one word of Kubernetes': `NotFound`, `Expired`, `Forbidden`.
        message: Its own words.
        hint: What to do about it.
        retry_after: Seconds, where it said.
    """

    code = "not_ready"

    def __init__(
        self, status: int, reason: str, message: str, *, hint: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, retry_after=retry_after)
        self.status = status
        self.reason = reason


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: int = 0


class Status(msgspec.Struct):
    """https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/."""

    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


def refusal_from_answer(status: int, headers: Mapping[str, str], body: bytes, *, asked: str) -> ModelwayError:
    """The error of an answer of 300 or more; its body is a Status, or of something in between that is no API server."""
    said = _status(body)
    wait = headers.get("retry-after", "")
    retry_after = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None
    words = one_line(said.message) or f"it said nothing else than status {status}"
    return ApiRefusedError(
        status,
        said.reason,
        f"Kubernetes refused {asked.partition('?')[0]}: {words}",
        hint=_HINTS.get(status, ""),
        retry_after=retry_after,
    )


def refusal_from_status(status: Status) -> ApiRefusedError:
    """The error that a watch ends with."""
    return ApiRefusedError(status.code, status.reason, f"Kubernetes ended the watch: {one_line(status.message)}")


def is_expired(error: ModelwayError) -> bool:
    """Whether what was asked about is too long ago for the API server to remember."""
    return isinstance(error, ApiRefusedError) and error.status == EXPIRED


def is_missing(error: ModelwayError) -> bool:
    """Whether there is no such object."""
    return isinstance(error, ApiRefusedError) and error.status == 404


def one_line(text: str) -> str:
    """Its first line, of bounded length, with nothing that moves a terminal's cursor."""
    first = next(iter(text.strip().splitlines()), "")
    shown = "".join(character for character in first if character.isprintable())
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _status(body: bytes) -> Status:
    try:
        return msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, RecursionError):
        return Status()


_HINTS: Mapping[int, str] = {
    401: "the credential is not accepted (any more): check the token, the certificate or the kubeconfig's user",
    403: "the account lacks a right: see the Role in the documentation (docs/discovery.md, docs/deploying.md)",
}
