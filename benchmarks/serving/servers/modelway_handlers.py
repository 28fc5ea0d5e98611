"""Modelway: handlers as any modeller would write them. What `load` makes here belongs to no thread, so they say that."""

from typing import Annotated

import models
import numpy as np
from numpy.typing import NDArray

from modelway import Handler, Shape, inference


class Echo(Handler):
    """W1: what comes in goes out."""

    def load(self) -> None:
        self.model = models.load("w1")

    @inference(any_thread=True)
    def predict(self, values: list[float]) -> list[float]:
        return self.model([values])[0]


class EchoTensor(Handler):
    """W1g: four floats that come and go as a tensor."""

    def load(self) -> None:
        self.model = models.load("w1g")

    @inference(any_thread=True)
    def predict(self, values: Annotated[NDArray[np.float32], Shape(4)]) -> NDArray[np.float32]:
        return self.model([values])[0]


class Forest(Handler):
    """W2."""

    def load(self) -> None:
        self.model = models.load("w2")

    @inference(max_batch_size=models.MAX_BATCH, any_thread=True)
    def predict(self, values: Annotated[NDArray[np.float32], Shape(None, 64)]) -> NDArray[np.float64]:
        return self.model(values)


class Network(Handler):
    """W3, W3b and W3g."""

    def load(self) -> None:
        self.model = models.load("w3")

    @inference(max_batch_size=models.MAX_BATCH, any_thread=True)
    def predict(
        self, values: Annotated[NDArray[np.float32], Shape(None, 784)]
    ) -> Annotated[NDArray[np.float32], Shape(None, 10)]:
        return self.model(values)
