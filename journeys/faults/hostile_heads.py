"""Requests that no honest client sends; behind each comes one that must never be read as a request of its own."""

from collections.abc import Mapping

CANARY = "/smuggled-canary"
# @POST: request line, Host and key; @PATH: an endpoint that exists; @KEY: the line with the key.
_FRAMING: Mapping[str, bytes] = {
    "cl.te": b"@POST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te.cl": b"@POST\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "te.te": b"@POST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "te obfuscated": b"@POST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "te tab": b"@POST\r\nTransfer-Encoding:\tchunked\t\r\n\r\n0\r\n\r\n",
    "te vertical tab": b"@POST\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "te gzip": b"@POST\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "te underscore": b"@POST\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te space before colon": b"@POST\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "te folded": b"@POST\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "te in 1.0": b"POST @PATH HTTP/1.0\r\nHost: x\r\n@KEY\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "cl twice": b"@POST\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "cl list": b"@POST\r\nContent-Length: 5, 5\r\n\r\nhello",
    "cl plus": b"@POST\r\nContent-Length: +5\r\n\r\nhello",
    "cl minus": b"@POST\r\nContent-Length: -5\r\n\r\nhello",
    "cl hex": b"@POST\r\nContent-Length: 0x5\r\n\r\nhello",
    "cl overflow": b"@POST\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
    "cl long": b"@POST\r\nContent-Length: " + b"9" * 1000 + b"\r\n\r\nhello",
    "chunk size plus": b"@CHUNKED+5\r\nhello\r\n0\r\n\r\n",
    "chunk size 0x": b"@CHUNKED0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size blank": b"@CHUNKED5 \r\nhello\r\n0\r\n\r\n",
    "chunk size overflow": b"@CHUNKED1" + b"0" * 16 + b"\r\nhello\r\n0\r\n\r\n",
    "chunk size long": b"@CHUNKED" + b"f" * 1000 + b"\r\nhello\r\n0\r\n\r\n",
    "chunk too long": b"@CHUNKED5\r\nhello!\r\n0\r\n\r\n",
    "chunk too short": b"@CHUNKED6\r\nhello\r\n0\r\n\r\n",
    "chunk bare lf": b"@CHUNKED5\nhello\n0\n\n",
    "chunk end bare lf": b"@CHUNKED5\r\nhello\n0\r\n\r\n",
    "chunk extension with lf": b"@CHUNKED5;a\nb\r\nhello\r\n0\r\n\r\n",
    "chunk extension without end": b"@CHUNKED5;" + b"a" * 70_000,
    "trailer that frames": b"@CHUNKED0\r\nContent-Length: 9\r\n\r\n",
    "trailer without end": b"@CHUNKED1\r\nx\r\n0\r\nA: " + b"b" * 70_000,
}
_LINES: Mapping[str, bytes] = {
    "folded": b"@POST\r\nA: b\r\n c\r\n\r\n",
    "folded by tab": b"@POST\r\nA: b\r\n\tc\r\n\r\n",
    "bare lf": b"POST @PATH HTTP/1.1\nHost: x\n@KEY\nContent-Length: 0\n\n",
    "bare lf in a line": b"@POST\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare cr in a line": b"@POST\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "nul in a value": b"@POST\r\nA: b\x00c\r\n\r\n",
    "nul in a name": b"@POST\r\nA\x00: b\r\n\r\n",
    "control in a value": b"@POST\r\nA: \x01\r\n\r\n",
    "no colon": b"@POST\r\nchunked\r\n\r\n",
    "no name": b"@POST\r\n: a\r\n\r\n",
    "bracket in a name": b"@POST\r\nA(b): c\r\n\r\n",
    "no host": b"POST @PATH HTTP/1.1\r\n@KEY\r\n\r\n",
    "two hosts": b"@POST\r\nHost: y\r\n\r\n",
    "host with path": b"POST @PATH HTTP/1.1\r\nHost: x/y\r\n@KEY\r\n\r\n",
    "host with user": b"POST @PATH HTTP/1.1\r\nHost: a@b\r\n@KEY\r\n\r\n",
    "host with query": b"POST @PATH HTTP/1.1\r\nHost: x?y=/admin\r\n@KEY\r\n\r\n",
    "host with fragment": b"POST @PATH HTTP/1.1\r\nHost: x#@y\r\n@KEY\r\n\r\n",
    "host with backslash": b"POST @PATH HTTP/1.1\r\nHost: x\\y\r\n@KEY\r\n\r\n",
    "host with blank": b"POST @PATH HTTP/1.1\r\nHost: x y\r\n@KEY\r\n\r\n",
    "host long": b"POST @PATH HTTP/1.1\r\nHost: " + b"a" * 4000 + b"\r\n@KEY\r\n\r\n",
    "header of 1 MB": b"@POST\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
    "10,000 headers": b"@POST\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    "name of 1 MB": b"@POST\r\n" + b"a" * 1_000_000 + b": b\r\n\r\n",
}
_REQUEST_LINES: Mapping[str, bytes] = {
    "http/0.9": b"GET @PATH\r\n\r\n",
    "http/1.2": b"GET @PATH HTTP/1.2\r\nHost: x\r\n@KEY\r\n\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/9.9": b"GET @PATH HTTP/9.9\r\nHost: x\r\n@KEY\r\n\r\n",
    "lower case": b"get @PATH http/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "unknown method": b"SMUGGLE @PATH HTTP/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "method of 1 MB": b"G" * 1_000_000 + b" @PATH HTTP/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "connect": b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n@KEY\r\n\r\n",
    "target of 1 MB": b"GET @PATH?" + b"q" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "blank in target": b"GET @PATH evil HTTP/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "nul in target": b"GET @PATH\x00 HTTP/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "other scheme": b"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "user in target": b"GET http://a@b@PATH HTTP/1.1\r\nHost: x\r\n@KEY\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "zeros": bytes(1000),
}


def corpus(path: str, key: str) -> dict[str, bytes]:
    """Name to bytes, all of which have to be refused.

    Args:
        path: An endpoint that exists.
        key: What opens it.
    """
    key_line = b"X-API-Key: " + key.encode()
    post = b"POST @PATH HTTP/1.1\r\nHost: x\r\n@KEY"
    behind = b"POST %b HTTP/1.1\r\nHost: x\r\n@KEY\r\nContent-Length: 0\r\n\r\n" % CANARY.encode()

    def filled(template: bytes) -> bytes:
        text = template.replace(b"@CHUNKED", b"@POST\r\nTransfer-Encoding: chunked\r\n\r\n")
        text = (text + behind).replace(b"@POST", post)
        return text.replace(b"@PATH", path.encode()).replace(b"@KEY", key_line)

    return {name: filled(template) for name, template in {**_FRAMING, **_LINES, **_REQUEST_LINES}.items()}
