from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from modelway import Handler, Shape, inference


@dataclass
class Box:
    left: int
    top: float = 0.0
    name: str | None = None


class Order(BaseModel):
    model_config = ConfigDict(strict=True)
    amount: int = Field(ge=1, le=9)
    kind: Literal["a", "b"] = "a"


@dataclass
class Found:
    boxes: list[Box]
    score: float
    picture: bytes


class Kinds(Handler):
    @inference(max_batch_size=8)
    def predict(self, rows: Annotated[NDArray[np.float32], Shape(None, 2)]) -> list[int]:
        """The number of positive values."""
        return [int((row > 0).sum()) for row in rows]

    @inference
    def small(
        self, x: Annotated[NDArray[np.int8], Shape(2)], y: Annotated[NDArray[np.uint16], Shape(None)] | None = None
    ) -> NDArray[np.int8]:
        return x

    @inference
    def find(self, box: Box, order: Order, more: dict[str, list[int]], *, flag: bool = False, text: str = "") -> Found:
        return Found([box], float(order.amount), text.encode())

    @inference
    def nothing(self) -> str:
        return "nothing"

    @inference
    def raw(self, data: bytes, limit: int = 3) -> bytes:
        return data[:limit]

    @inference
    def text(self, text: str) -> str:
        return text

    @inference
    def picture(self, image: Image.Image | None = None) -> str:
        return "none" if image is None else image.mode

    @inference
    def letters(self, text: str) -> Iterator[str]:
        yield from text
