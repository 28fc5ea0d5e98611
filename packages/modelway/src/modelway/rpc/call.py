"""One gRPC call: messages in, messages and a status out, over a stream of HTTP/2; by callback all the way."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from modelway.context import Headers
from modelway.errors import DeadlineExceededError, InvalidRequestError, ModelwayError
from modelway.http2 import Stream
from modelway.http2.frames import read_number
from modelway.http2.header_encoding import encode_lines
from modelway.protos.statuses import Metadata
from modelway.rpc import trailers
from modelway.rpc.call_head import CallHead
from modelway.rpc.call_messages import PREFIX_BYTES, MessageReader, framed

if TYPE_CHECKING:
    from modelway.rpc.connection import RpcConnection


class Work(Protocol):
    """What is under way for a call."""

    def left(self) -> None:
        """Nobody waits for it any more."""
        ...


class Conversation(Work, Protocol):
    """What answers a call of many messages."""

    def message(self, body: bytes, /) -> None:
        """The next one."""
        ...

    def asked(self) -> None:
        """That was the last."""
        ...

    def taken(self) -> None:
        """The caller has taken all answers so far."""
        ...


@dataclass(frozen=True, slots=True)
class Methods:
    """What may be called, by path.

    Args:
        unary: Takes one message; answers the call at once or later.
        conversations: Makes what takes messages as they come.
        others: The same for methods that neither of both names; without it there are no others.
        message_limit: Bytes of a message.
        broken: Is told of what must not happen.
        choose_id: From the caller's request id, or None, to the one used.
    """

    unary: Mapping[bytes, "Callable[[Call, bytes], None]"]
    conversations: Mapping[bytes, "Callable[[Call], Conversation]"]
    message_limit: int
    broken: Callable[[str, ModelwayError], None]
    choose_id: Callable[[bytes | None], bytes]
    others: "Callable[[Call], Conversation] | None" = None


class Call(Stream):
    """A call, from its head to its status.

    Args:
        connection: Where it came.
        number: Its stream.
        head: What it says.
        methods: What may be called.
    """

    __slots__ = ("_conversation", "_head", "_held", "_id", "_inbox", "_methods", "_reader", "_started", "_told", "work")

    def __init__(self, connection: "RpcConnection", number: int, head: CallHead, methods: Methods) -> None:
        super().__init__(connection, number, head.content_length)
        self._head = head
        self._methods = methods
        self._id = methods.choose_id(head.request_id)
        self._reader: MessageReader | None = None
        self._inbox: deque[bytes] = deque()
        self._conversation: Conversation | None = None
        self._held = False
        self._told = False
        self._started = False
        self.work: Work | None = None  # let go when nobody waits for it any more
        if head.timeout != inf:
            self.deadline = monotonic() + head.timeout

    @property
    def request_id(self) -> str:
        """The caller's own, or one made for it."""
        return self._id.decode("ascii")

    @property
    def method(self) -> bytes:
        """`/package.Service/Method`, as it came."""
        return self._head.path

    @property
    def address(self) -> str:
        """The caller's."""
        return self._rpc.address

    @property
    def headers(self) -> Headers:
        """The caller's metadata."""
        return self._head.headers

    # Answering

    def respond(self, message: bytes) -> None:
        """The one message, and that it went well."""
        self.work = None
        self.connection.answer(self, trailers.HEAD, framed(message), trailers.ok(self._id))

    def send(self, message: bytes) -> None:
        """One of several messages; those the caller has not taken are in `unsent`."""
        self._start()
        self.connection.send(self, framed(message))

    def finish(self) -> None:
        """No more messages; it went well."""
        self._start()
        self.work = None
        self.connection.finish(self, trailers.ok(self._id))

    def fail(self, error: ModelwayError) -> None:
        """It did not go well."""
        self.work = None
        self.connection.finish(self, trailers.failed(error, self.request_id, alone=not self._started))

    def begin(self, metadata: Metadata) -> None:
        """The answer's head, with metadata, before its first message."""
        if not self._started:
            self._started = True
            self.connection.start(self, trailers.HEAD + encode_lines(trailers.lines_of(metadata)))

    def close(self, status: str, text: str, metadata: Metadata) -> None:
        """No more messages; how it went is known by the names of gRPC's statuses."""
        if status == "OK":
            self._start()
        self.work = None
        self.connection.finish(self, trailers.ended(status, text, metadata, alone=not self._started))

    def hold(self) -> None:
        """Hand over no more messages, and have the caller stop sending them."""
        self._held = True

    def go_on(self) -> None:
        """Hand over messages again."""
        if self._held:
            self._held = False
            self._guarded(self._deliver)

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self.connection.start(self, trailers.HEAD)

    # Hooks of the engine

    def begun(self) -> None:
        head, methods = self._head, self._methods
        if head.http_status != 200:
            self.connection.finish(self, trailers.no_grpc(head.http_status))
        elif head.wrong is not None:
            self.fail(head.wrong)
        elif (
            head.path not in methods.unary
            and (make := methods.conversations.get(head.path, methods.others)) is not None
        ):
            self.rests = self.endless = True
            self._guarded(lambda: self._converse(make))
        elif head.path not in methods.unary:
            name = head.path.decode("latin-1")[:120]
            self.fail(ModelwayError(f"there is no method {name}", hint="ask reflection", code="not_implemented"))

    def body_received(self, data: bytes, *, ended: bool) -> None:
        if not self.open or self.closing is not None:
            return
        size = len(data) - PREFIX_BYTES
        if (
            ended
            and self._conversation is None
            and self._reader is None
            and 0 <= size <= self._methods.message_limit
            and not data[0]
            and read_number(data, 1)[0] == size
        ):
            self._ask(data[PREFIX_BYTES:])  # nearly every call comes as one piece
        else:
            self._guarded(lambda: self._take(data, ended=ended))

    def left(self) -> None:
        work, self.work = self.work, None
        if work is not None:
            work.left()

    def overdue(self) -> None:
        self.left()
        self.fail(ModelwayError("the rest of the request did not come in time", code="request_timeout"))

    def late(self) -> None:
        self.left()
        self.fail(DeadlineExceededError("the time given was over before the model had answered"))

    def taken(self) -> None:
        conversation = self._conversation
        if conversation is not None and self.work is not None:
            conversation.taken()

    # Inside

    def _converse(self, make: "Callable[[Call], Conversation]") -> None:
        self.work = self._conversation = make(self)

    def _ask(self, message: bytes) -> None:
        try:
            self._methods.unary[self._head.path](self, message)
        except Exception as error:  # noqa: BLE001 - one call's accident is not the connection's
            self._went_wrong(error)

    def _take(self, data: bytes, *, ended: bool) -> None:
        reader = self._reader
        if reader is None:
            reader = self._reader = MessageReader(self._methods.message_limit, self._head.encoding)
        messages = reader.feed(data)
        self._inbox += messages
        if messages:
            self._let_room_go()
        if ended and reader.missing:
            raise InvalidRequestError("the last message is cut off")
        if self._conversation is not None:
            self._deliver()
        elif len(self._inbox) > 1 or (self._inbox and reader.missing) or (ended and not self._inbox):
            raise ModelwayError("this method takes one message, no more and no less", code="not_implemented")
        elif ended:
            self._ask(self._inbox.popleft())
        self._want_more(reader)

    def _deliver(self) -> None:
        """Messages, as long as the conversation takes them."""
        conversation = self._conversation
        assert conversation is not None
        while self._inbox and not self._held and self.work is not None:
            conversation.message(self._inbox.popleft())
        if self.ended_by_peer and not self._inbox and not self._told and self.work is not None:
            self._told = True
            conversation.asked()
        if self._reader is not None:
            self._want_more(self._reader)

    def _want_more(self, reader: MessageReader) -> None:
        """Let the caller send the rest of a message that has begun, or the next ones."""
        if self.ended_by_peer or not self.open:
            return
        missing = reader.missing
        connection = self._rpc
        if self._conversation is not None and not self.reserved:
            if missing and self.rests:
                self.began = self.heard
                connection.look_by(self.body_due())
            self.rests = not missing
        window = connection.limits.stream_window
        if missing > self.receive_window:
            connection.reserve(self, missing)
        elif not missing and not self._held and self.receive_window < window // 2:
            connection.allow(self, window)

    def _let_room_go(self) -> None:
        if self.reserved:
            self._rpc.release(self)

    @property
    def _rpc(self) -> "RpcConnection":
        return self.connection  # pyright: ignore[reportReturnType] - what `__init__` was given

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - one call's accident is not the connection's
            self._went_wrong(error)

    def _went_wrong(self, error: Exception) -> None:
        self.left()
        if isinstance(error, ModelwayError):
            self.fail(error)
            return
        failure = ModelwayError("the server failed", hint="the server's log has the reason")
        failure.__cause__ = error
        self._methods.broken(self.request_id, failure)
        self.fail(failure)
