"""The smallest useful handler: plain Python values in, a plain value out."""

import json
from dataclasses import dataclass

from modelway import Handler, inference


@dataclass(frozen=True)
class Greeting:
    """What the caller gets back."""

    text: str


class Hello(Handler):
    """Greets people in their language."""

    def load(self) -> None:
        self.greetings: dict[str, str] = json.loads((self.files / "greetings.json").read_text(encoding="utf-8"))

    @inference
    def greet(self, name: str, language: str = "en") -> Greeting:
        return Greeting(text=f"{self.greetings.get(language, 'Hello')}, {name}!")
