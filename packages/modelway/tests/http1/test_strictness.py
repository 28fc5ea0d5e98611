"""What two readers of one request could understand differently is refused, with a well-formed answer and an end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller, Server

HOST = b"Host: x\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def head(*lines: bytes, first: bytes = b"POST /echo HTTP/1.1") -> bytes:
    return b"\r\n".join((first, b"Host: x", *lines, b"", b""))


def chunks(data: bytes) -> bytes:
    return head(b"Transfer-Encoding: chunked") + data


REFUSED: dict[str, tuple[int, bytes]] = {
    # Two lengths
    "cl.te": (400, head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "te.cl": (400, head(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n"),
    "two lengths": (400, head(b"Content-Length: 5", b"Content-Length: 6") + b"hello"),
    "two same lengths": (400, head(b"Content-Length: 5", b"Content-Length: 5") + b"hello"),
    "length list": (400, head(b"Content-Length: 5, 5") + b"hello"),
    "two codings": (400, head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "chunked then identity": (400, head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity") + b"0\r\n\r\n"),
    # Lengths
    "length plus": (400, head(b"Content-Length: +5") + b"hello"),
    "length minus": (400, head(b"Content-Length: -5") + b"hello"),
    "length hex": (400, head(b"Content-Length: 0x5") + b"hello"),
    "length empty": (400, head(b"Content-Length:") + b"hello"),
    "length blank inside": (400, head(b"Content-Length: 5 5") + b"hello"),
    "length float": (400, head(b"Content-Length: 5.0") + b"hello"),
    "length digits": (400, head(b"Content-Length: " + b"9" * 100_0) + b"hello"),
    "length over 2^64": (400, head(b"Content-Length: 18446744073709551621") + b"hello"),
    "length unicode": (400, head(b"Content-Length: \xd9\xa5") + b"hello"),
    "length underscore": (400, head(b"Content_Length: 5") + b"hello"),
    "coding underscore": (400, head(b"Transfer_Encoding: chunked") + b"0\r\n\r\n"),
    # Codings
    "coding gzip, chunked": (501, head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"),
    "coding chunked twice": (400, head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n"),
    "coding identity": (501, head(b"Transfer-Encoding: identity") + b"hello"),
    "coding unknown": (501, head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n"),
    "coding quoted": (501, head(b'Transfer-Encoding: "chunked"') + b"0\r\n\r\n"),
    "coding parameter": (501, head(b"Transfer-Encoding: chunked;a=b") + b"0\r\n\r\n"),
    "coding empty": (400, head(b"Transfer-Encoding:") + b"0\r\n\r\n"),
    "coding vertical tab": (400, head(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n"),
    "coding and tab": (501, head(b"Transfer-Encoding: chunked\t") + b"0\r\n\r\n"),
    "coding in 1.0": (
        400,
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
    ),
    # Chunks
    "chunk size plus": (400, chunks(b"+5\r\nhello\r\n0\r\n\r\n")),
    "chunk size minus": (400, chunks(b"-5\r\nhello\r\n0\r\n\r\n")),
    "chunk size 0x": (400, chunks(b"0x5\r\nhello\r\n0\r\n\r\n")),
    "chunk size blank": (400, chunks(b"5 \r\nhello\r\n0\r\n\r\n")),
    "chunk size leading blank": (400, chunks(b" 5\r\nhello\r\n0\r\n\r\n")),
    "chunk size empty": (400, chunks(b"\r\nhello\r\n0\r\n\r\n")),
    "chunk size only extension": (400, chunks(b";a=b\r\nhello\r\n0\r\n\r\n")),
    "chunk size over 2^64": (400, chunks(b"1" + b"0" * 16 + b"\r\nhello\r\n0\r\n\r\n")),
    "chunk size huge": (400, chunks(b"f" * 1000 + b"\r\nhello\r\n0\r\n\r\n")),
    "chunk longer than said": (400, chunks(b"5\r\nhello!\r\n0\r\n\r\n")),
    "chunk shorter than said": (400, chunks(b"6\r\nhello\r\n0\r\n\r\n")),
    "chunk bare lf": (400, chunks(b"5\nhello\n0\n\n")),
    "chunk end bare lf": (400, chunks(b"5\r\nhello\n0\r\n\r\n")),
    "chunk bare cr": (400, chunks(b"5\rhello\r\n0\r\n\r\n")),
    "chunk extension with lf": (400, chunks(b"5;a\nb\r\nhello\r\n0\r\n\r\n")),
    "chunk extension with quoted lf": (400, chunks(b'5;a="\n"\r\nhello\r\n0\r\n\r\n')),
    "trailer length": (400, chunks(b"0\r\nContent-Length: 9\r\n\r\n")),
    "trailer bare lf": (400, chunks(b"0\r\nA: b\n\r\n")),
    # Lines
    "folded": (400, head(b"A: b", b" c")),
    "folded by tab": (400, head(b"A: b", b"\tc")),
    "folded coding": (400, head(b"Transfer-Encoding:", b" chunked") + b"0\r\n\r\n"),
    "first header folded": (400, b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    "bare lf": (400, b"GET / HTTP/1.1\nHost: x\n\n"),
    "bare lf after header": (400, head(b"A: b\nTransfer-Encoding: chunked") + b"0\r\n\r\n"),
    "bare cr": (400, head(b"A: b\rTransfer-Encoding: chunked") + b"0\r\n\r\n"),
    "head ended by bare lf": (400, b"GET / HTTP/1.1\r\nHost: x\r\n\nGET / HTTP/1.1\r\n\r\n"),
    "head ended by bare cr": (400, b"GET / HTTP/1.1\r\nHost: x\r\n\rGET / HTTP/1.1\r\n\r\n"),
    "two cr": (400, head(b"A: b\r")),
    "space before colon": (400, head(b"Transfer-Encoding : chunked") + b"0\r\n\r\n"),
    "tab before colon": (400, head(b"Content-Length\t: 5") + b"hello"),
    "no colon": (400, head(b"Chunked")),
    "no name": (400, head(b": chunked")),
    "nul in name": (400, head(b"Transfer-Encoding\x00: chunked")),
    "nul in value": (400, head(b"A: b\x00c")),
    "control in value": (400, head(b"A: b\x01")),
    "del in value": (400, head(b"A: b\x7f")),
    "bracket in name": (400, head(b"A(b): c")),
    "high byte in name": (400, head(b"\xc3\xa4: c")),
    # Hosts
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, head(b"Host: y")),
    "two same hosts": (400, head(b"Host: x")),
    "host with path": (400, b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"),
    "host with user": (400, b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    "host with blank": (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "host with query": (400, b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    "host with fragment": (400, b"GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"),
    "host with backslash": (400, b"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"),
    "host high": (400, b"GET / HTTP/1.1\r\nHost: \xe4\r\n\r\n"),
    "host long": (400, b"GET / HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\n\r\n"),
    # Request lines
    "http/0.9": (505, head(first=b"GET / HTTP/0.9")),
    "http/1.2": (400, head(first=b"GET / HTTP/1.2")),
    "http/2.0": (505, head(first=b"GET / HTTP/2.0")),
    "http/1.10": (400, head(first=b"GET / HTTP/1.10")),
    "http/2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "lower case protocol": (400, head(first=b"GET / http/1.1")),
    "no version": (505, b"GET /\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\n"),
    "blank after version": (400, head(first=b"GET / HTTP/1.1 ")),
    "blank in target": (400, head(first=b"GET /a b HTTP/1.1")),
    "tab after method": (400, head(first=b"GET\t/ HTTP/1.1")),
    "blank first": (400, head(first=b" GET / HTTP/1.1")),
    "nul in target": (400, head(first=b"GET /\x00 HTTP/1.1")),
    "high byte in target": (400, head(first=b"GET /\xff HTTP/1.1")),
    "lower case method": (400, head(first=b"get / HTTP/1.1")),
    "unknown method": (400, head(first=b"FOO / HTTP/1.1")),
    "webdav": (501, head(first=b"PROPFIND / HTTP/1.1")),
    "ice": (501, head(first=b"SOURCE / ICE/1.0")),
    "connect": (501, b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n" + SMUGGLED),
    "asterisk": (400, head(first=b"GET * HTTP/1.1")),
    "other scheme": (400, head(first=b"GET ftp://x/ HTTP/1.1")),
    "absolute with user": (400, head(first=b"GET http://a@b/ HTTP/1.1")),
    "absolute without host": (400, head(first=b"GET http:///a HTTP/1.1")),
    "tls": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "zeros": (400, b"\x00" * 100),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused(server: Server, call: Callable[..., Caller], name: str) -> None:
    status, data = REFUSED[name]
    server.start()
    answers: list[tuple[int, bytes]] = []
    for pieces in ([data + SMUGGLED], [data[at : at + 1] for at in range(len(data))]):
        caller = call()
        for piece in pieces:
            try:
                caller.send(piece)
            except OSError:
                break  # refused before the end
        answer = caller.answer()
        error = json.loads(answer.body)["error"]
        assert set(error) == {"code", "message", "hint", "request_id"}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["connection"] == "close"
        assert caller.ended()
        answers.append((answer.status, answer.body))
    assert answers == [(status, answers[0][1])] * 2
    assert not any("smuggled" in event or event.startswith("POST") for event in server.events.seen)


ACCEPTED: dict[str, tuple[bytes, bytes]] = {
    "blank behind values": (b"POST /echo HTTP/1.1\r\nHost: x \t\r\nContent-Length: 5 \t\r\n\r\nhello", b"hello"),
    "coding in capitals": (head(b"Transfer-Encoding: Chunked ") + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "empty value": (head(b"A:", b"B: c", first=b"GET /a HTTP/1.1"), b"/a"),
    "underscore in another name": (head(b"a_b: c", first=b"GET /a HTTP/1.1"), b"/a"),
    "high byte in value": (head(b"A: \xe4", first=b"GET /a HTTP/1.1"), b"/a"),
    "leading zeros": (chunks(b"0" * 30 + b"5\r\nhello\r\n0\r\n\r\n"), b"hello"),
    "empty host": (b"GET /a HTTP/1.1\r\nHost:\r\n\r\n", b"/a"),
    "host with port": (b"GET /a HTTP/1.1\r\nHost: a_b.example:80\r\n\r\n", b"/a"),
    "ipv6 host": (b"GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", b"/a"),
    "absolute": (head(first=b"GET http://y:80/a?b HTTP/1.1"), b"/a?b"),
    "absolute without path": (head(first=b"GET HTTPS://y HTTP/1.1"), b"/"),
    "absolute with query only": (head(first=b"GET http://y?a HTTP/1.1"), b"/?a"),
    "asterisk": (head(first=b"OPTIONS * HTTP/1.1"), b"*"),
    "body of get": (head(b"Content-Length: 5", first=b"GET /echo HTTP/1.1") + b"hello", b"hello"),
}


@pytest.mark.parametrize("name", list(ACCEPTED))
def test_accepted(server: Server, call: Callable[..., Caller], name: str) -> None:
    data, body = ACCEPTED[name]
    server.start()
    caller = call()
    caller.send(data + head(first=b"GET /after HTTP/1.1"))
    assert (caller.answer().body, caller.answer().body) == (body, b"/after")


UPGRADES = {
    "h2c": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA", first=b"%b"),
    "websocket": head(b"Connection: upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x", first=b"%b"),
}


@pytest.mark.parametrize("offer", list(UPGRADES))
@pytest.mark.parametrize("split", [False, True])
def test_upgrade_offers_are_ignored(server: Server, call: Callable[..., Caller], offer: str, *, split: bool) -> None:
    """With and without a body, several on one connection, and no body is taken for the next request."""
    server.start()
    get = UPGRADES[offer] % b"GET /a HTTP/1.1"
    post = UPGRADES[offer].replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n") % (
        b"POST /echo HTTP/1.1",
        len(SMUGGLED),
    )
    chunked = UPGRADES[offer].replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n") % b"POST /echo HTTP/1.1"
    after = head(first=b"GET /after HTTP/1.1")
    slow = head(first=b"GET /later HTTP/1.1")
    chunk = b"%x\r\n%b\r\n0\r\nA: b\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    data = (
        get + post + SMUGGLED + chunked + chunk + after + slow + post + SMUGGLED + get + chunked + chunk + after
    ) * 2
    caller = call()
    for piece in [data[at : at + 1] for at in range(len(data))] if split else [data]:
        caller.send(piece)
    expected = [b"/a", SMUGGLED, SMUGGLED, b"/after", b"later:", SMUGGLED, b"/a", SMUGGLED, b"/after"] * 2
    assert [caller.answer().body for _ in expected] == expected
    assert not any("smuggled" in event for event in server.events.seen)


def test_upgrade_offer_and_close(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(head(b"Connection: upgrade, close", b"Upgrade: h2c", b"Content-Length: 2") + b"ab" + SMUGGLED)
    answer = caller.answer()
    assert (answer.body, answer.headers["connection"]) == (b"ab", "close")
    assert caller.ended()
    assert not any("smuggled" in event for event in server.events.seen)
