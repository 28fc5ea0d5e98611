"""A handler whose names are hostile to Python, and one of every kind of value."""

# ruff: noqa: A002, I001, ISC, N802, N815, PLC2401, PLC2403, Q, RET, RUF, S, SLF, TC, UP, PYI, EM, D
# Strange on purpose.
# pyright: basic

import datetime as dt
import enum
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from modelway import Handler, Shape, inference


@dataclass
class Box:
    left: int
    more: list[int] = field(default_factory=list)
    Box: str = "x"
    shade: NDArray[np.float32] | None = None


class Colour(enum.Enum):
    RED = 'it\'s "red"'
    BLUE = "blue"


Strange = TypedDict(
    "Strange",
    {
        "class": int,
        "list": list[int],
        "2 much": float,
        "größe": NotRequired[str],
        "_hidden": bool,
        "a-b": str,
        "a_b": str,
    },
)


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    from_: int = Field(alias="from", ge=1)
    when: dt.datetime | None = None
    ident: uuid.UUID | None = None


@dataclass
class Everything:
    scores: NDArray[np.float64]
    box: Box
    boxes: list[Box]
    strange: Strange
    colour: Literal["a", "b"]
    pair: tuple[int, str]
    picture: bytes
    maybe: int | None
    either: int | str
    many: dict[str, float]
    import_: Any = None


class Hostile(Handler):
    @inference(endpoint="class")
    def klass(self, input: str, id: int, options: str = "", self_: int = 0) -> str:
        r'''Says """everything""" \n back.

        Second "line"'''
        return f"{input} {id} {options} {self_}"

    @inference(endpoint="close")
    def shut(self) -> None:
        'Ends with a quote"'

    @inference(endpoint="a-b")
    def a(self, x: float) -> float:
        return x

    @inference(endpoint="a_b")
    def b(self, x: float) -> float:
        return -x

    @inference
    def list(self, box: Box, strange: Strange, aliased: Aliased, colour: Colour = Colour.RED) -> Everything:
        return Everything(np.ones(3), box, [box], strange, "a", (1, "x"), b"\xff", None, "s", {"a": 1.0})

    @inference
    def resize(
        self,
        größe: Image.Image,  # noqa: PLC2401 - on purpose
        matrix: Annotated[NDArray[np.int32], Shape(None, 2)],
    ) -> Image.Image:
        return größe.resize((int(matrix.sum()), 1))

    @inference
    def count(self, n: int) -> Iterator[Box]:
        for i in range(n):
            yield Box(i, [i], "y", np.array([i], np.float32))

    @inference
    async def wait(self, words: tuple[str, ...] | None = None) -> AsyncIterator[str]:
        for word in words or []:
            yield word
