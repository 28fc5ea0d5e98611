"""Handwritten digits with PyTorch: weights from a safetensors file, on whichever device the server was given."""

import json
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from network import Network
from numpy.typing import NDArray

from modelway import Handler, Shape, inference, postprocess, preprocess
from modelway.frameworks import load_torch


@dataclass(frozen=True)
class Prediction:
    """What the model sees in an image."""

    digit: int
    confidence: float


class Digits(Handler):
    """Names the digit in an image of 8 by 8 greys from 0 to 16."""

    def load(self) -> None:
        sizes = json.loads((self.files / "network.json").read_text(encoding="utf-8"))
        example = np.zeros((1, 8, 8), np.float32)
        self.model = load_torch(self, "weights.safetensors", Network(**sizes), example=example)

    @preprocess
    def scale(self, image: Annotated[NDArray[np.float32], Shape(64)]) -> NDArray[np.float32]:
        return (image / 16).reshape(1, 8, 8)

    @inference(max_batch_size=64)
    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.model(batch)

    @postprocess
    def label(self, logarithms: NDArray[np.float32]) -> Prediction:
        best = int(logarithms.argmax())
        return Prediction(digit=best, confidence=float(np.exp(logarithms[best])))
