"""The page at `/docs` in a real browser: filled in, sent, answered; and what it copies, run by a shell, says the same."""

import ast
import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from journeys.browser import open_browser
from journeys.page_sitter import PageSitter
from PIL import Image
from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(240)

HOSTILE = "<img src=x onerror=window.hurt=1></script><script>window.hurt=2</script>"
KINDS = '''
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from modelway import Context, Handler, InvalidInputError, Shape, inference


class Unit(Enum):
    CM = "cm"
    INCH = "inch"


@dataclass
class Box:
    left: int
    top: float = 0.0
    name: str | None = None


class Order(BaseModel):
    amount: int = Field(ge=1, le=9)
    kind: Literal["a", "b"] = "a"


@dataclass
class Found:
    boxes: list[Box]
    big: int
    said: str


class Kinds(Handler):
    @inference(max_batch_size=8)
    def predict(self, rows: NDArray[np.float32]) -> list[float]:
        """HOSTILE"""
        return [float(row.sum()) for row in rows]

    @inference
    def half(self, x: Annotated[NDArray[np.float16], Shape(None, 2)], name: str = "n") -> str:
        return f"{name} {x.tolist()}"

    @inference
    def find(
        self, box: Box, order: Order, unit: Unit, more: dict[str, int], *, flag: bool = False, text: str = "",
        area: Box | None = None,
    ) -> Found:
        if text == "crash":
            raise RuntimeError("secret")
        if box.left < 0:
            raise InvalidInputError("box.left: must not be negative", hint="move it")
        return Found([box, *([area] if area else [])], box.left + 2**62, f"{unit.value} {order.kind}{order.amount} {flag} {text} {more}")

    @inference
    def turn(self, picture: Image.Image, label: str = "x") -> Image.Image:
        return picture.transpose(Image.Transpose.ROTATE_90)

    @inference
    def measure(self, picture: Image.Image, label: str = "x", count: int = 1) -> list[str]:
        return [f"{picture.width} {picture.height} {label}"] * count

    @inference
    def sizes(self, files: list[bytes]) -> list[int]:
        return [len(each) for each in files]

    @inference
    def tell(self, gate: str, context: Context, fail: bool = False) -> Iterator[str]:
        yield "one <b>"
        while not Path(gate).exists() and not context.cancelled:
            time.sleep(0.01)
        yield "two"
        if fail:
            raise RuntimeError("secret")
'''.replace("HOSTILE", HOSTILE)


@pytest.fixture(scope="module")
def server(serve_code: Callable[..., Any]) -> Any:
    return serve_code("kinds", KINDS, "kinds:Kinds", "--name", "demo/kinds/v1")


@pytest.fixture(scope="module")
def browser() -> Generator[Browser, None, None]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, server: Any) -> Generator[PageSitter, None, None]:
    sitter = PageSitter(browser)
    sitter.open(f"http://127.0.0.1:{server.port}/docs")
    yield sitter
    assert sitter.errors == []
    assert all(each.startswith((f"http://127.0.0.1:{server.port}/", "data:")) for each in sitter.requested)
    sitter.close()


def answer(page: PageSitter, endpoint: str) -> Any:
    """Send, and what is shown then."""
    page.click(f"#{endpoint} .send")
    page.until(f"/^[0-9]{{3}} in/.test(document.querySelector('#{endpoint} .status').textContent)")
    return json.loads(page.evaluate(f"document.querySelector('#{endpoint} .value').textContent"))


def copied(page: PageSitter, endpoint: str, program: str) -> str:
    page.evaluate(f"document.querySelector('#{endpoint} input[value=\"{program}\"]').click()")
    page.evaluate("navigator.clipboard.writeText('')")
    page.click(f"#{endpoint} .two > div:last-child button")
    page.until("navigator.clipboard.readText()")
    return page.clipboard()


def run(command: str, folder: Path) -> str:
    """What a shell prints for it."""
    tools = folder / "tools"
    if not shutil.which("grpcurl") and not tools.exists():
        tools.mkdir()
        (tools / "grpcurl").write_text(
            f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("grpcurl.py")} "$@"\n'
        )
        (tools / "grpcurl").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PATH": path},
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def python(program: str, folder: Path) -> Any:
    return ast.literal_eval(run(f"{sys.executable} - <<'PROGRAM'\n{program}PROGRAM", folder))


def over_grpc(command: str, folder: Path) -> dict[str, Any]:
    """Its outputs by name, each element as JSON or text."""
    told = json.loads(run(command, folder))
    found: dict[str, Any] = {}
    for output in told["outputs"]:
        ((kind, values),) = output["contents"].items()
        texts = [base64.b64decode(value).decode() for value in values] if kind == "bytesContents" else values
        found[output["name"]] = texts[0] if kind == "bytesContents" else int(texts[0])
    return found


def test_nested_fields_choices_and_numbers_go_as_they_were_typed(page: PageSitter, tmp_path: Path) -> None:
    page.fill("#find-box\\.left", "1152921504606846977")  # 2**60 + 1, which JavaScript's numbers cannot hold
    page.fill("#find-box\\.name", 'it\'s "q" \\ é\n😀')
    page.fill("#find-order\\.amount", "7")
    page.choose("#find-order\\.kind", "b")
    page.choose("#find-unit", "inch")
    page.choose("#find-flag", "true")
    page.fill("#find-more", '{"a": 1}')
    page.click("#find .given input")
    page.fill("#find-area\\.left", "3")
    page.fill("#find-area\\.top", "")
    said = answer(page, "find")
    assert said == {
        "boxes": [
            {"left": 2**60 + 1, "top": 0.0, "name": 'it\'s "q" \\ é\n😀'},
            {"left": 3, "top": 0.0, "name": None},
        ],
        "big": 2**60 + 1 + 2**62,
        "said": "inch b7 True  {'a': 1}",
    }
    assert json.loads(run(copied(page, "find", "curl"), tmp_path)) == said
    assert python(copied(page, "find", "Python"), tmp_path) == said
    assert python(copied(page, "find", "Python, requests"), tmp_path) == said
    grpc = over_grpc(copied(page, "find", "grpcurl"), tmp_path)
    assert (json.loads(grpc["boxes"]), grpc["big"], grpc["said"]) == (said["boxes"], said["big"], said["said"])
    page.evaluate("document.querySelector('#find input[value=JSON]').click()")
    assert json.loads(page.evaluate("document.querySelector('#find .whole').value"))["box"]["left"] == 2**60 + 1
    assert answer(page, "find") == said


def test_arrays_and_text_by_every_program(page: PageSitter, tmp_path: Path) -> None:
    page.fill("#predict-rows", "[[1, 2], [3, 4.5]]")
    assert answer(page, "predict") == 10.5
    assert json.loads(run(copied(page, "predict", "curl"), tmp_path)) == 10.5
    assert python(copied(page, "predict", "Python"), tmp_path) == 10.5
    page.fill("#half-x", "[[1.5, 2], [0.1, -3]]")
    page.fill("#half-name", "a 'b'")
    said = answer(page, "half")
    assert said.startswith("a 'b' [[1.5, 2.0], [0.09")
    grpc = json.loads(run(copied(page, "half", "grpcurl"), tmp_path))  # FP16 travels raw, and so does its answer
    assert base64.b64decode(grpc["rawOutputContents"][0])[4:].decode() == said


def test_long_requests_and_files_reach_the_shell(page: PageSitter, tmp_path: Path) -> None:
    page.fill("#predict-rows", json.dumps([[float(number)] for number in range(3000)]))
    assert answer(page, "predict") == sum(range(3000))
    assert json.loads(run(copied(page, "predict", "curl"), tmp_path)) == sum(range(3000))
    picture, other = tmp_path / "a cat's; picture.png", tmp_path / "other.bin"
    Image.new("RGB", (12, 7)).save(picture)
    other.write_bytes(bytes(range(256)))
    page.give_files("#measure-picture", picture)
    page.until("document.querySelector('#measure .preview img')?.naturalWidth === 12")
    page.fill("#measure-label", "12")
    page.fill("#measure-count", "2")
    said = ["12 7 12", "12 7 12"]
    assert answer(page, "measure") == said
    assert " -F " in copied(page, "measure", "curl")
    assert json.loads(run(copied(page, "measure", "curl"), tmp_path)) == said
    assert python(copied(page, "measure", "Python"), tmp_path) == said
    assert python(copied(page, "measure", "Python, requests"), tmp_path) == said
    assert json.loads(over_grpc(copied(page, "measure", "grpcurl"), tmp_path)["output"]) == said
    page.give_files("#sizes-files", picture, other)
    page.until("document.querySelector('#sizes .preview').innerText.includes('256 bytes')")
    said = answer(page, "sizes")
    assert said == [picture.stat().st_size, 256]
    assert json.loads(run(copied(page, "sizes", "curl"), tmp_path)) == said
    assert python(copied(page, "sizes", "Python"), tmp_path) == said


def test_pictures_that_come_back_are_shown(page: PageSitter, tmp_path: Path) -> None:
    Image.new("RGB", (12, 7)).save(tmp_path / "cat.png")
    page.give_files("#turn-picture", tmp_path / "cat.png")
    page.until("document.querySelector('#turn .preview img')")
    page.click("#turn .send")
    page.until("document.querySelector('#turn figure img')?.naturalHeight === 12")
    assert (
        page.evaluate("fetch(document.querySelector('#turn figure a').href).then(() => 'read', () => 'refused')")
        == "refused"
    )
    page.complaints.clear()  # the policy's word on what this test tried just now


def test_a_stream_is_shown_as_it_comes(page: PageSitter, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page.fill("#tell-gate", str(gate))
    page.choose("#tell-fail", "true")
    page.click("#tell .send")
    page.until("document.querySelectorAll('#tell .pieces li').length === 1")
    assert page.text("#tell .together") == "one <b>"
    assert page.evaluate("document.querySelector('#tell .send').disabled")
    gate.touch()
    page.until("document.querySelector('#tell .error')")
    assert page.evaluate("document.querySelector('#tell .together').textContent") == "one <b>two"
    assert "handler_failed" in page.text("#tell .error")
    assert "secret" not in page.text("#tell")
    assert "failed after 2 pieces" in page.text("#tell .status")
    lines = run(copied(page, "tell", "curl"), tmp_path)
    assert '"one <b>"' in lines
    assert "event: error" in lines


def test_a_stream_can_be_stopped_by_its_reader(page: PageSitter, tmp_path: Path) -> None:
    page.fill("#tell-gate", str(tmp_path / "never"))
    page.click("#tell .send")
    page.until("document.querySelectorAll('#tell .pieces li').length === 1")
    page.click("#tell .stop")
    page.until("document.querySelector('#tell .status').textContent === 'stopped'")
    page.until("!document.querySelector('#tell .send').disabled")


def test_errors_have_their_code_and_point_at_the_field(page: PageSitter) -> None:
    page.fill("#find-box\\.left", "-1")
    page.click("#find .send")
    page.until("document.querySelector('#find .error')")
    shown = page.text("#find .error")
    assert "invalid_input: box.left: must not be negative" in shown
    assert "→ move it" in shown
    assert "request " in shown
    assert page.text("#find-box\\.left-wrong") == "must not be negative"
    assert page.evaluate("document.activeElement.id") == "find-box.left"
    page.fill("#find-box\\.left", "1")
    page.fill("#find-text", "crash")
    page.click("#find .send")
    page.until("document.querySelector('#find .error strong')?.textContent === 'handler_failed'")
    assert "secret" not in page.text("#find")
    page.fill("#find-more", "{")
    page.click("#find .send")
    page.until("document.querySelector('#find-more-wrong').textContent")
    assert "more: " in page.text("#find .program")


def test_what_others_wrote_is_text(page: PageSitter) -> None:
    assert page.text("#predict .about").startswith("<img src=x onerror=")
    page.fill("#find-text", HOSTILE)
    assert HOSTILE in answer(page, "find")["said"]
    page.evaluate("document.querySelector('#find input[value=JSON]').click()")
    assert page.evaluate("window.hurt === undefined && document.querySelectorAll('img[src=x], script').length") == 2


def test_by_keyboard_alone(page: PageSitter) -> None:
    page.evaluate("document.querySelector('#predict input[name=way-predict]').focus()")
    page.press("ArrowRight")
    page.until("!document.querySelector('#predict .whole').hidden")
    page.press("Tab")
    assert page.evaluate("document.activeElement.className") == "whole code"
    page.fill("#predict .whole", '{"rows": [2, 3]}')
    page.press("Control+Enter")
    page.until("document.querySelector('#predict .value')?.textContent === '5.0'")
    assert page.evaluate(
        "[...document.querySelectorAll('input, select, textarea')].every(each => each.labels?.length || each.ariaLabel)"
    )


def test_dark_colours_where_they_are_preferred(server: Any, page: PageSitter, tmp_path: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
