"""Handwritten digits with XGBoost: boosted trees from its own binary format."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from modelway import Handler, Shape, inference, postprocess, preprocess
from modelway.frameworks import load_xgboost


@dataclass(frozen=True)
class Prediction:
    """What the model sees in an image."""

    digit: int
    confidence: float


class Digits(Handler):
    """Names the digit in an image of 8 by 8 greys from 0 to 16."""

    def load(self) -> None:
        self.model = load_xgboost(self, "model.ubj")

    @preprocess
    def scale(self, image: Annotated[NDArray[np.float32], Shape(64)]) -> NDArray[np.float32]:
        return image / 16

    @inference(max_batch_size=64)
    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.model(batch)

    @postprocess
    def label(self, probabilities: NDArray[np.float32]) -> Prediction:
        best = int(probabilities.argmax())
        return Prediction(digit=best, confidence=float(probabilities[best]))
