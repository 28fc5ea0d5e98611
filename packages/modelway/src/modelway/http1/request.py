"""One request's head, as it came: bytes all the way."""


class Request:
    """The head of a request after the engine's checks.

    `target` is what stood in the request line (origin form: the scheme and authority of an absolute one are cut off).
    `headers` holds (lower-case name, value) in order of arrival, `fields` the same by name, the last where one is repeated;
    values may have white space at their end. `content_length` is None for a chunked body and 0 where there is none.
    """

    __slots__ = (
        "chunked",
        "content_length",
        "expects_continue",
        "fields",
        "headers",
        "keep_alive",
        "known",
        "method",
        "minor",
        "target",
    )

    def __init__(
        self,
        method: bytes,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        fields: dict[bytes, bytes],
        *,
        content_length: int | None,
        minor: int,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.fields = fields
        self.content_length = content_length
        self.chunked = content_length is None
        self.minor = minor
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.known = False

    @property
    def path(self) -> bytes:
        """The target without its query, not percent-decoded."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """What follows the first question mark; empty where there is none."""
        return self.target.partition(b"?")[2]

    def header(self, name: bytes) -> bytes | None:
        """Value of the header `name` (lower-case), the last one where it is repeated, or None."""
        value = self.fields.get(name)
        return value.strip(b" \t") if value is not None else None
