"""Bodies of `multipart/form-data` (RFC 7578) as parts, within bounds; the parsing is python-multipart's."""

from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from modelway.errors import InvalidRequestError
from modelway.signature.forms import Part

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # the library defines it for type checkers only

MAX_PARTS = 1024
MAX_HEADER_BYTES = 8 * 1024
MAX_BOUNDARY_BYTES = 70  # RFC 2046, section 5.1.1


def read_parts(body: bytes, content_type: bytes) -> list[Part]:
    """The parts in order.

    Args:
        body: The whole body, already within the server's limit.
        content_type: The header, which names the boundary.

    Raises:
        InvalidRequestError: No form, a damaged one, or one of too many parts.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
        raise _refused("content-type names no boundary of 1 to 70 characters")
    collected = _Collector()
    parser = MultipartParser(boundary, collected.callbacks(), max_size=len(body) + 1)
    try:
        parser.write(body)
        parser.finalize()
    except MultipartParseError as error:
        raise _refused(str(error)[:200]) from None
    if not collected.ended:
        raise _refused("it ends too early")
    return collected.parts


class _Collector:
    """Puts together what the parser reports in pieces."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value = b""
        self._header_bytes = 0
        self._data: list[bytes] = []

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_part_data": self._part_data,
            "on_part_end": self._part_ends,
            "on_end": self._form_ends,
        }

    def _part_begins(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise _refused(f"it has more than {MAX_PARTS} parts")
        self._headers, self._header_bytes, self._data = {}, 0, []

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._count(end - start)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count(end - start)

    def _count(self, more: int) -> None:
        self._header_bytes += more
        if self._header_bytes > MAX_HEADER_BYTES:
            raise _refused(f"the headers of a part are over {MAX_HEADER_BYTES} bytes")

    def _header_ends(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _part_ends(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise _refused(f"part {len(self.parts) + 1} has no name")
        media, parameters = parse_options_header(self._headers.get(b"content-type", b""))
        self.parts.append(
            Part(
                name=name,
                media=media.decode("latin-1").lower() or ("application/octet-stream" if b"filename" in options else ""),
                charset=parameters.get(b"charset", b"").decode("latin-1"),
                data=b"".join(self._data),
            )
        )

    def _form_ends(self) -> None:
        self.ended = True


def _refused(reason: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the body is not a form: {reason}",
        hint="send multipart/form-data as RFC 7578 describes it",
        code="invalid_form",
    )
