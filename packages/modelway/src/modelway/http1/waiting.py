"""Pipelined requests that have to wait for the answer to the one before them."""

from modelway.http1.request import Request


class Waiting:
    """One of them as far as it has arrived; without `request` only the failure that came in its place."""

    __slots__ = ("body", "complete", "failure", "request")

    def __init__(self, request: Request | None) -> None:
        self.request = request
        self.body: list[bytes] = []
        self.complete = False
        self.failure: tuple[int, str, str] | None = None
