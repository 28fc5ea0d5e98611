"""What `modelway new` writes, file by file; `NAME` stands for the project's name."""

from collections.abc import Mapping
from types import MappingProxyType

_PYPROJECT = """\
[project]
name = "NAME"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = []  # what handler.py imports, such as "numpy>=2"; modelway itself need not be named

[tool.modelway]
handler = "handler:Greeter"
files = ["greetings.json"]  # model files; the handler finds them in self.files
examples = "examples.json"  # golden examples: a package that cannot answer them is not made
"""

_HANDLER = '''\
"""NAME: greets people in their language."""

import json
from dataclasses import dataclass

from modelway import Handler, InvalidInputError, inference


@dataclass(frozen=True)
class Greeting:
    text: str


class Greeter(Handler):
    def load(self) -> None:
        self.greetings: dict[str, str] = json.loads((self.files / "greetings.json").read_text(encoding="utf-8"))

    @inference
    def greet(self, name: str, language: str = "en") -> Greeting:
        if language not in self.greetings:  # the caller's mistake, and answered as one: status 422
            raise InvalidInputError(f"language: {language} is not known", hint=f"one of {', '.join(self.greetings)}")
        return Greeting(text=f"{self.greetings[language]}, {name}!")
'''

_TEST = '''\
"""The handler through the code that serves it in production, without a server. Run: pytest"""

from pathlib import Path

import pytest
from handler import Greeter
from modelway import InvalidInputError
from modelway.testing import call

FILES = Path(__file__).parent


def test_greets() -> None:
    assert call(Greeter, "greet", {"name": "Ada"}, files=FILES) == {"text": "Hello, Ada!"}


def test_says_which_field_is_wrong() -> None:
    with pytest.raises(InvalidInputError, match="name"):
        call(Greeter, "greet", {"name": 7}, files=FILES)
    with pytest.raises(InvalidInputError, match="language"):
        call(Greeter, "greet", {"name": "Ada", "language": "tlh"}, files=FILES)
'''

_EXAMPLES = """\
[
  {"endpoint": "greet", "request": {"name": "Ada"}, "response": {"text": "Hello, Ada!"}},
  {"endpoint": "greet", "request": {"name": "Ada", "language": "ko"}, "response": {"text": "안녕하세요, Ada!"}}
]
"""

_GREETINGS = """\
{"en": "Hello", "de": "Guten Tag", "ko": "안녕하세요"}
"""

_DEPLOYMENT = """\
apiVersion: modelway/v1
kind: Deployment
metadata: {project: demo, model: NAME, version: v1}
spec: {package: dist/NAME-1.0.0.mwpkg, cluster: local, replicas: 1}
---
apiVersion: modelway/v1
kind: Route
metadata: {project: demo, model: NAME}
spec:
  versions: [{version: v1, weight: 1}]
  access: key
"""

_README = """\
# NAME

    modelway check                    # does it load, and answer its golden examples?
    pytest                            # the tests
    modelway serve .                  # answer requests; prints a curl to try
    modelway package                  # make dist/NAME-1.0.0.mwpkg
    modelway apply -f deployment.yaml # deploy it (start a platform with `modelway up`)

handler.py is the model, examples.json what it must answer, pyproject.toml what it needs.
"""

_IGNORED = """\
__pycache__/
.venv/
dist/
"""

TEMPLATES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "hello": MappingProxyType(
            {
                "pyproject.toml": _PYPROJECT,
                "handler.py": _HANDLER,
                "greetings.json": _GREETINGS,
                "examples.json": _EXAMPLES,
                "test_handler.py": _TEST,
                "deployment.yaml": _DEPLOYMENT,
                "README.md": _README,
                ".gitignore": _IGNORED,
            }
        )
    }
)
