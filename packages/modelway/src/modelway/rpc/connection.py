"""A connection whose streams are gRPC calls."""

from collections.abc import Sequence
from typing import Any

from modelway.http1 import Listener
from modelway.http2 import ServerConnection, Stream
from modelway.http2.request_head import HeaderLine
from modelway.rpc.call import Call, Methods
from modelway.rpc.call_head import read_call_head


class RpcConnection(ServerConnection):
    """The server's half.

    Args:
        listener: The engine's.
        methods: What may be called.
    """

    __slots__ = ("_methods",)

    def __init__(self, listener: Listener, methods: Methods) -> None:
        super().__init__(listener)
        self._methods = methods

    def read_head(self, lines: Sequence[HeaderLine]) -> Any:
        return read_call_head(lines, self.limits.max_list_bytes)

    def make_stream(self, number: int, head: Any) -> Stream:
        return Call(self, number, head, self._methods)
