"""How many connections one address may have."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller, Server


def connected_from(address: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5, source_address=(address, 0))


def answers(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(1000).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


def test_one_address_has_its_share_and_no_more(server: Server, call: Callable[..., Caller]) -> None:
    server.start(max_connections_per_address=3)
    greedy = [connected_from("127.0.0.2", server.listener.port) for _ in range(5)]
    try:
        assert sorted(answers(each) for each in greedy) == [False, False, True, True, True]
        assert server.listener.connections_refused == 2
        other = connected_from("127.0.0.3", server.listener.port)
        greedy.append(other)
        assert answers(other)
        for each in greedy:
            each.close()
        server.wait_for(lambda: server.connections == 0)
        again = connected_from("127.0.0.2", server.listener.port)
        greedy.append(again)
        assert answers(again)
    finally:
        for each in greedy:
            each.close()
