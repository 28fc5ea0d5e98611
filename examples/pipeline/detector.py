"""The first model: where something bright is."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelway import Handler, inference


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    top: int
    left: int
    height: int
    width: int


class Detector(Handler):
    """Boxes around bright pixels that touch, also at a corner."""

    def load(self) -> None:
        settings = json.loads((self.files / "settings.json").read_text(encoding="utf-8"))
        self.brightness = float(settings["brightness"])
        self.least_pixels = int(settings["least_pixels"])

    @inference
    def find(self, image: NDArray[np.float32]) -> list[Box]:
        if image.ndim != 2:
            raise ValueError(f"an image has two axes, not {image.ndim}")
        bright = image >= self.brightness
        left = {(int(row), int(column)) for row, column in np.argwhere(bright)}
        boxes: list[Box] = []
        while left:
            pixels = _connected(min(left), left)
            if len(pixels) >= self.least_pixels:
                boxes.append(_around(pixels))
        return boxes


def _connected(start: tuple[int, int], left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Takes the pixels that hang together with `start` out of `left`."""
    left.remove(start)
    found, edge = [start], [start]
    while edge:
        row, column = edge.pop()
        near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
        left -= near
        found += near
        edge += near
    return found


def _around(pixels: list[tuple[int, int]]) -> Box:
    rows, columns = zip(*pixels, strict=True)
    return Box(
        top=min(rows), left=min(columns), height=max(rows) - min(rows) + 1, width=max(columns) - min(columns) + 1
    )
