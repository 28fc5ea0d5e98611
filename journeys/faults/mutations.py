"""Good requests made bad by chance: by grammar (as boofuzz does, one field at a time) and by bytes."""

import random

_FIELDS: dict[str, tuple[bytes, ...]] = {
    "method": (b"", b"GET", b"post", b"POST" * 3000, b"PO\x00ST", b"\xff", b"TRACE", b"DELETE", b"%s%n"),
    "blank": (b"", b"  ", b"\t", b"\r", b"\n", b"\x0b", b"\xa0"),
    "path": (b"", b"*", b"//", b"/../..", b"/%2e%2e/%2f", b"/\x00", b"http://", b"/" * 9000, b"/%ff%fe", b"?", b"#"),
    "version": (b"", b"HTTP/", b"HTTP/1", b"HTTP/1.1.1", b"HTTP/01.1", b"HTTP/1.0", b"http/1.1", b"HTTP/1.1" * 999),
    "line end": (b"", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"\r\n ", b"\x00\r\n"),
    "name": (b"", b" ", b"Content-Length", b"Transfer-Encoding", b"a" * 9000, b"\x00", b"a b", b"a:", b"\xc3\xa4"),
    "colon": (b"", b" :", b"::", b"\t:\t", b": \r\n ", b"="),
    "value": (
        b"",
        b"\x00",
        b"\r",
        b"chunked",
        b"-1",
        b"0",
        b"99999999999999999999",
        b"b" * 40_000,
        b"\xff" * 99,
        b"\x7f",
    ),
    "length": (b"", b"0", b"1", b"12", b"14", b"-1", b"+13", b"0x0d", b"13,13", b"1" * 30, b" 13 ", b"\x0013"),
    "size": (b"", b"0", b"d ", b"-d", b"0xd", b"e", b"c", b"f" * 20, b"d;a=b", b"d;" + b"a" * 9000, b"d\n", b"g"),
    "body": (b"", b"{", b"\x00" * 50, b"[" * 5000, b'{"text": 1}', b'{"text": "\\ud800"}', b"0\r\n\r\n", b"x" * 70_000),
}


def mutated(chance: random.Random, path: str, key: str) -> bytes:
    """One request with one to three fields replaced, or some bytes."""
    body = b'{"text": "x"}'
    good = {
        "method": b"POST",
        "blank": b" ",
        "path": path.encode(),
        "version": b"HTTP/1.1",
        "line end": b"\r\n",
        "name": b"X-Some",
        "colon": b": ",
        "value": b"thing",
        "length": b"%d" % len(body),
        "size": b"%x" % len(body),
        "body": body,
    }
    if chance.random() < 0.3:
        return _bytes_changed(chance, _request(good, key, chunked=chance.random() < 0.5))
    fields = dict(good)
    for name in chance.sample(list(_FIELDS), chance.randint(1, 3)):
        fields[name] = chance.choice(_FIELDS[name])
    return _request(fields, key, chunked=chance.random() < 0.5)


def _request(fields: dict[str, bytes], key: str, *, chunked: bool) -> bytes:
    end = fields["line end"]
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: " + fields["length"]
    head = b"".join(
        (
            *(fields["method"], fields["blank"], fields["path"], fields["blank"], fields["version"], b"\r\n"),
            *(b"Host: x\r\nX-API-Key: ", key.encode(), b"\r\nContent-Type: application/json\r\n"),
            *(fields["name"], fields["colon"], fields["value"], end, framing, b"\r\n\r\n"),
        )
    )
    body = fields["body"]
    return head + (fields["size"] + end + body + b"\r\n0\r\n\r\n" if chunked else body)


def _bytes_changed(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at]
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 4))
            case _:
                changed[at:at] = changed[at : at + chance.randint(1, 40)]
    return bytes(changed)
