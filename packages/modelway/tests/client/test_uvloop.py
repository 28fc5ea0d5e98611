"""The asyncio client on uvloop, whose transports are not of asyncio's classes."""

import asyncio

import uvloop

from modelway.client.async_http_client import AsyncHttpClient


async def _ask_twice() -> list[bytes]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with AsyncHttpClient(f"http://127.0.0.1:{port}") as client:
            return [(await client.request("GET", "/")).body for _ in range(2)]
    finally:
        server.close()


def test_it_works_there() -> None:
    assert uvloop.run(_ask_twice()) == [b"0", b"1"]
