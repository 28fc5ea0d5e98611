"""What the form at `/docs` starts with."""

from typing import Any

import msgspec
import pytest

from modelway import Handler, inference
from modelway.packaging import Example
from modelway.serving.docs_page import docs_page
from modelway.serving.settings import Target
from modelway.signature import bind


class Greeter(Handler):
    @inference
    def greet(self, name: str) -> str:
        return name


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
    page = docs_page(bind(Greeter).signature, target).html.decode()
    described = page.partition('id="server">')[2].partition("</script>")[0]
    assert msgspec.json.decode(described)["endpoints"][0]["example"] == tried
