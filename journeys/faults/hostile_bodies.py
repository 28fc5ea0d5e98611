"""Bodies that are well framed and hostile inside."""

from collections.abc import Mapping

_JSON: Mapping[str, bytes] = {
    "empty": b"",
    "100,000 deep lists": b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "100,000 deep and open": b"[" * 100_000,
    "nan": b'{"text": "x", "seconds": NaN}',
    "infinity": b'{"text": "x", "seconds": -Infinity}',
    "huge exponent": b'{"text": "x", "seconds": 1e999999999}',
    "100,000 digits": b'{"text": ' + b"9" * 100_000 + b"}",
    "100,000 digits for a number": b'{"text": "x", "seconds": ' + b"9" * 100_000 + b"}",
    "high surrogate": b'{"text": "\\ud800"}',
    "low surrogate": b'{"text": "\\udc00x"}',
    "surrogates the wrong way round": b'{"text": "\\udc00\\ud800"}',
    "no utf-8": b'{"text": "\xff\xfe"}',
    "overlong utf-8": b'{"text": "\xc0\xaf"}',
    "utf-16": '{"text": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"text": "x"}',
    "control in a string": b'{"text": "\x01"}',
    "trailing comma": b'{"text": "x",}',
    "two values": b'{"text": "x"}{"text": "y"}',
    "comment": b'{"text": "x" /* y */}',
    "single quotes": b"{'text': 'x'}",
    "a million keys": b"{" + b",".join(b'"k%d":1' % number for number in range(100_000)) + b"}",
    "unknown key of 1 MB": b'{"' + b"k" * 1_000_000 + b'": 1}',
    "pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
}
_BOUNDARY = b"b"


def _part(name: bytes, value: bytes, *, more: bytes = b"") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%b"\r\n%b\r\n%b\r\n' % (name, more, value)


_FORMS: Mapping[str, bytes] = {
    "no boundary line": b"x" * 100_000,
    "100,000 parts": _part(b"text", b"x") * 100_000 + b"--b--\r\n",
    "part without end": _part(b"text", b"x" * 1000)[:-2],
    "header of 1 MB in a part": _part(b"text", b"x", more=b"A: " + b"b" * 1_000_000 + b"\r\n") + b"--b--\r\n",
    "100,000 headers in a part": _part(b"text", b"x", more=b"A: b\r\n" * 100_000) + b"--b--\r\n",
    "name of 1 MB": _part(b"n" * 1_000_000, b"x") + b"--b--\r\n",
    "boundaries only": b"--b\r\n" * 100_000,
    "line ends only": b"\r\n" * 500_000,
    "dashes only": b"-" * 1_000_000,
    "nothing": b"",
}


def bodies(echo: str, size: str, key: str) -> dict[str, bytes]:
    """Name to request.

    Args:
        echo: Path of an endpoint that takes `text` and `seconds`.
        size: Path of one that takes bytes.
        key: What opens both.
    """
    found: dict[str, bytes] = {}
    for name, body in _JSON.items():
        found[f"json, {name}"] = _request(echo, key, "application/json", body)
    for name, body in _FORMS.items():
        found[f"form, {name}"] = _request(echo, key, "multipart/form-data; boundary=b", body)
        found[f"bytes by form, {name}"] = _request(size, key, "multipart/form-data; boundary=b", body)
    found["form, no boundary"] = _request(echo, key, "multipart/form-data", _part(b"text", b"x") + b"--b--\r\n")
    long = "multipart/form-data; boundary=" + "b" * 20_000
    found["form, boundary of 20 kB"] = _request(echo, key, long, b"--" + b"b" * 20_000)
    many = "multipart/form-data; " + "a=b; " * 3_000
    found["form, 3,000 parameters"] = _request(echo, key, many, b"--b--\r\n")
    tiny = b"".join(b"1\r\n%b\r\n" % b"{" for _ in range(65_537)) + b"0\r\n\r\n"
    head = _head(echo, key, "application/json")
    found["65,537 chunks"] = head + b"Transfer-Encoding: chunked\r\n\r\n" + tiny
    return found


def _request(path: str, key: str, media: str, body: bytes) -> bytes:
    return _head(path, key, media) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _head(path: str, key: str, media: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: {media}\r\n".encode()
