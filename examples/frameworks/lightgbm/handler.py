"""Handwritten digits with LightGBM: boosted trees from its own text format."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from modelway import Handler, Shape, inference, postprocess, preprocess
from modelway.frameworks import load_lightgbm


@dataclass(frozen=True)
class Prediction:
    """What the model sees in an image."""

    digit: int
    confidence: float


class Digits(Handler):
    """Names the digit in an image of 8 by 8 greys from 0 to 16."""

    def load(self) -> None:
        self.model = load_lightgbm(self, "model.txt")

    @preprocess
    def scale(self, image: Annotated[NDArray[np.float32], Shape(64)]) -> NDArray[np.float32]:
        return image / 16

    @inference(max_batch_size=64)
    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        return self.model(batch)

    @postprocess
    def label(self, probabilities: NDArray[np.float64]) -> Prediction:
        best = int(probabilities.argmax())
        return Prediction(digit=best, confidence=float(probabilities[best]))
