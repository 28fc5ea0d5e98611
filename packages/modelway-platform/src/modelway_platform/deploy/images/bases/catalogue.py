"""All definitions of base images there are: the shipped ones, and a person's own before them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from modelway.errors import NotFoundError
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.read_definitions import read_definitions

SHIPPED = Path(__file__).with_name("definitions.toml")
OWN = "bases.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Definitions in the order in which they are tried."""

    definitions: tuple[BaseDefinition, ...]

    def find(self, name: str) -> BaseDefinition:
        """The definition called `name`.

        Raises:
            NotFoundError: There is none; the hint has names like it.
        """
        found = next((each for each in self.definitions if each.name == name), None)
        if found is None:
            raise unknown_base(name, self.definitions)
        return found


def read_catalogue(own: Path | None, architecture: str) -> Catalogue:
    """The shipped definitions with those of `own` before them, or in place of those whose name they have.

    Raises:
        NotFoundError: `own` is not there.
        InvalidRequestError: A file is not what definitions look like.
    """
    first = read_definitions(own, architecture) if own else ()
    names = {each.name for each in first}
    shipped = read_definitions(SHIPPED, architecture)
    return Catalogue(definitions=(*first, *(each for each in shipped if each.name not in names)))


def unknown_base(name: str, definitions: Sequence[BaseDefinition]) -> NotFoundError:
    """The error for a name nothing is defined under."""
    names = [each.name for each in definitions]
    close = get_close_matches(name, names, n=3)
    told = f"did you mean {' or '.join(close)}? " if close else ""
    return NotFoundError(
        f"no base image is defined as '{name[:80]}'", hint=f"{told}`modelway image bases` lists all of them."
    )
