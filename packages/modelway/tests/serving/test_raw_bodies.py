"""Bodies and answers that are a value itself, over a real socket."""

import http.client
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

FORMS = """
from typing import Annotated
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from modelway import Handler, Shape, inference

class Forms(Handler):
    @inference
    def half(self, picture: Image.Image) -> Image.Image:
        return picture.resize((picture.width // 2, picture.height // 2))

    @inference
    def text(self, text: str, times: int = 1) -> str:
        return text * times

    @inference
    async def double(self, row: Annotated[NDArray[np.float32], Shape(2)]) -> Annotated[NDArray[np.float32], Shape(2)]:
        return row * 2

    @inference
    def broken(self, text: str) -> bytes:
        return 3
"""


def test_bodies_and_answers_may_be_the_value_itself(serve: Callable[..., Any], project: Path) -> None:
    (project / "forms.py").write_text(FORMS)
    server = serve("forms:Forms").until_ready()
    picture = io.BytesIO()
    Image.new("L", (8, 6)).save(picture, "PNG")

    def ask(path: str, body: bytes, kind: str, accept: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", path, body, {"Content-Type": kind, "Accept": accept})
        answer = connection.getresponse()
        found = answer.status, answer.headers["content-type"], answer.read()
        connection.close()
        return found

    status, kind, data = ask("/half", picture.getvalue(), "image/png", "image/png, */*")
    assert (status, kind, Image.open(io.BytesIO(data)).size) == (200, "image/png", (4, 3))
    assert ask("/half", picture.getvalue(), "image/png", "*/*")[1] == "application/json"
    assert ask("/text?times=2", b"a", "text/plain", "text/plain") == (200, "text/plain; charset=utf-8", b"aa")
    octets = "application/octet-stream"
    row = struct.pack("<2f", 1, 2.5)
    assert ask("/double", row, octets, octets) == (200, octets, struct.pack("<2f", 2, 5))
    assert ask("/double", row, octets, "application/json, " + octets) == (200, "application/json", b"[2.0,5.0]")
    assert ask("/double", row[:-1], octets, octets)[:2] == (422, "application/json")
    assert ask("/broken", b"a", "text/plain", octets)[:2] == (500, "application/json")
    form = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nab\r\n--b--\r\n'
    assert ask("/text", form, "multipart/form-data; boundary=b", "*/*") == (200, "application/json", b'"ab"')
