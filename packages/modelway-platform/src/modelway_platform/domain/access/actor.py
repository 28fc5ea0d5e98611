"""Who changes something, and from where: what the audit log keeps of a change beside the change itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """`name` is what revisions show; `origin` an address, `method` what was called, as `Routes.UndoRoute`."""

    name: str
    role: str = "system"
    origin: str = ""
    transport: str = ""
    request_id: str = ""
    method: str = ""


Author = str | Actor


def actor_of(author: Author) -> Actor:
    """The actor of this name where nothing else is known: the platform itself, or a test."""
    return author if isinstance(author, Actor) else Actor(name=author)


def name_of_author(author: Author) -> str:
    """What revisions show."""
    return author if isinstance(author, str) else author.name
