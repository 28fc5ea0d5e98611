"""What became of each thing in a source: carried over, changed, or left behind, with what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Fate = Literal["carried over", "changed", "not carried over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing of the source.

    Args:
        thing: What it is called there, such as `max_batch_size` or a file.
        fate: What became of it.
        how: Where it is now, or why it is not.
        todo: What is left for a person; empty where nothing is.
    """

    thing: str
    fate: Fate
    how: str
    todo: str = ""


def carried(thing: str, how: str) -> Item:
    """It means the same as before."""
    return Item(thing=thing, fate="carried over", how=how)


def changed(thing: str, how: str, todo: str = "") -> Item:
    """It is there in another form."""
    return Item(thing=thing, fate="changed", how=how, todo=todo)


def left(thing: str, how: str, todo: str) -> Item:
    """It is not there any more."""
    return Item(thing=thing, fate="not carried over", how=how, todo=todo)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """All that is to be said of one import.

    Args:
        kind: What the source is, for people.
        name: The model's name in the project.
        version: Its version there.
        items: What became of what.
    """

    kind: str
    name: str
    version: str
    items: Sequence[Item]

    def to_json(self) -> dict[str, Any]:
        """As JSON values: what `-o json` prints and `import-report.json` holds."""
        return {
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "items": [
                {"thing": each.thing, "fate": each.fate, "how": each.how, **({"todo": each.todo} if each.todo else {})}
                for each in self.items
            ],
        }

    def to_markdown(self) -> str:
        """As a page for the project."""
        lines = [
            f"# {self.name} {self.version}, from a {self.kind}",
            "",
            "Written by `modelway import`; nothing reads it.",
            "",
            "| thing | | how | to do |",
            "|---|---|---|---|",
            *(
                f"| {' | '.join(_cell(text) for text in (each.thing, each.fate, each.how, each.todo))} |"
                for each in self.items
            ),
        ]
        return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    clean = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(clean.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<")
