"""What a connection that serves fills in: the moments of a request, each nothing unless somebody wants it."""

from modelway.http1.answering import AnsweringConnection
from modelway.http1.request import Request


class HookedConnection(AnsweringConnection):
    """The hooks, in the order in which they are called."""

    __slots__ = ()

    def request_received(self, request: Request) -> None:
        """The head is in and accepted; the body, if any, follows."""

    def body_received(self, data: bytes) -> None:
        """A piece of the body, without its framing."""

    def request_completed(self) -> None:
        """The body is in."""

    def data_parsed(self) -> None:
        """All that had arrived has been handed over: the moment to write once."""

    def request_failed(self, status: int, code: str) -> None:
        """The rest of the outstanding request is wrong or did not come in time; it is answered with this error."""
        self.client_left()

    def head_refused(self, status: int, code: str) -> None:
        """A head was not accepted, or did not come in time; it is answered with this error. There is no request."""

    def answer_overdue(self) -> None:
        """`deadline` passed while an answer is outstanding; only where a subclass set one."""
