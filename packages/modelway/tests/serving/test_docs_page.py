"""What the form at `/docs` starts with."""

import re
from typing import Any

import msgspec
import pytest

from modelway import Handler, Pipeline, Step, inference
from modelway.packaging import Example
from modelway.serving.pages.docs_page import docs_page
from modelway.serving.settings import Identity, Target, WorkerSettings
from modelway.signature import bind


class Greeter(Handler):
    @inference
    def greet(self, name: str) -> str:
        return name


class Shouts(Pipeline):
    greet = Step(Greeter)

    @inference
    async def shout(self, name: str) -> str:
        said: str = await self.greet(name=name)
        return said.upper()


@pytest.mark.parametrize(
    ("golden", "tried"),
    [
        ([("greet", {"name": "Ada </script>"}), ("greet", {"name": "Bob"})], {"name": "Ada </script>"}),
        ([("other", {"name": "Ada"})], {"name": "text"}),
        ([("greet", {"name": "a" * 6000})], {"name": "text"}),
    ],
    ids=["the first golden example", "of no other endpoint", "none too long to read"],
)
def test_the_request_to_try(golden: list[tuple[str, Any]], tried: Any) -> None:
    examples = tuple(Example(endpoint=endpoint, request=request) for endpoint, request in golden)
    target = Target(handler="m:Greeter", code=".", files=".", name="greeter", version="1", examples=examples)
    described = described_in(docs_page(bind(Greeter).signature, settings(target)).html)
    assert msgspec.json.decode(described["endpoints"][0]["example"]) == tried


def settings(target: Target) -> WorkerSettings:
    return WorkerSettings(
        target=target,
        identity=Identity(project="p", model="m", version="v1"),
        host="127.0.0.1",
        port=1,
        index=0,
        workers=1,
        queue_size=1,
        max_body_bytes=1,
        board_fd=0,
    )


def described_in(page: bytes) -> Any:
    return msgspec.json.decode(page.decode().partition('id="server">')[2].partition("</script>")[0])


def test_a_pipelines_steps_are_drawn() -> None:
    target = Target(handler="m:Shouts", code=".", files=".", name="shouts", version="1")
    page = docs_page(bind(Shouts).signature, settings(target)).html
    (endpoint,) = described_in(page)["endpoints"]
    assert endpoint["flow_lines"] == ["└─ greet   Greeter.greet"]
    assert described_in(page)["deployed"] == "p/m/v1"


def test_nothing_on_the_page_is_loaded_from_elsewhere_or_read_as_html() -> None:
    target = Target(handler="m:Greeter", code=".", files=".", name="</script><b>", version="<i>")
    page, headers = docs_page(bind(Greeter).signature, settings(target))
    assert b"<b>" not in page
    assert not re.search(rb"https?://|\bsrc=|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page)
    assert b"default-src 'none'" in headers
    assert b"unsafe" not in headers
