"""Which way a request's body goes that is not JSON, and which way its answer goes back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from modelway.errors import InvalidRequestError
from modelway.serving.answer import JSON
from modelway.signature import EndpointBinding, Signature

MULTIPART = b"multipart/form-data"
MAX_QUERY_FIELDS = 100
Read = Callable[[bytes], tuple[Any, ...]]


class BodyForms:
    """What other forms the endpoints of one handler take and give.

    Args:
        bindings: How each endpoint reads its arguments.
        signature: What each answers with.
    """

    def __init__(self, bindings: Sequence[EndpointBinding], signature: Signature) -> None:
        self._bindings = {each.name: each for each in bindings}
        self._answers: Mapping[str, tuple[str, ...]] = {
            each.name: each.output.media for each in signature.endpoints if each.output.media and not each.streaming
        }

    def reader(self, endpoint: str, content_type: bytes, query: bytes) -> Read | None:
        """How to read a body of this type; None for those that are taken for JSON, whatever they call themselves."""
        media = content_type.partition(b";")[0].strip().lower()
        if media == JSON:
            return None
        forms = self._bindings[endpoint].forms
        if media == MULTIPART:
            # A handler's tests run where only the base install is; the parser comes with the server.
            from modelway.serving.multipart import read_parts  # noqa: PLC0415

            return lambda body: forms.from_parts(read_parts(body, content_type))
        if not forms.takes(media.decode("latin-1")):
            return None
        return lambda body: forms.from_body(body, _charset(content_type), _fields_of(query))

    def answer_media(self, endpoint: str, accept: bytes) -> bytes:
        """The media type of an answer that is the value itself, if the caller names one it has before JSON; else empty."""
        offered = self._answers.get(endpoint)
        if not offered:
            return b""
        for wanted in accept.lower().split(b","):
            media = wanted.partition(b";")[0].strip()
            if media == JSON:
                return b""
            for each in offered:
                found = _answered_as(each, media)
                if found:
                    return found
        return b""


def _answered_as(offered: str, wanted: bytes) -> bytes:
    if offered == "image/*":
        return b"image/png" if wanted in {b"image/png", b"image/*"} else b""
    if offered == "text/plain":
        return b"text/plain; charset=utf-8" if wanted in {b"text/plain", b"text/*"} else b""
    return wanted if wanted == offered.encode() else b""


def _charset(content_type: bytes) -> str:
    for parameter in content_type.split(b";")[1:]:
        name, _, value = parameter.partition(b"=")
        if name.strip().lower() == b"charset":
            return value.strip().strip(b'"').decode("latin-1")
    return ""


def _fields_of(query: bytes) -> dict[str, list[str]]:
    if not query:
        return {}
    try:
        return parse_qs(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except ValueError as error:
        raise InvalidRequestError(f"the query cannot be read: {str(error)[:200]}", code="invalid_form") from None
