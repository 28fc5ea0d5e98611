"""The models under test, the same functions for every server: a no-op (W1) and a small network (W3).

W3 is a perceptron 784-512-512-10 with seeded weights, in float32, one BLAS thread.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from modelway import Handler, Shape, inference

FEATURES = 784
MAX_BATCH = 32


class Network:
    """The W3 network."""

    def __init__(self) -> None:
        random = np.random.default_rng(7)
        sizes = ((FEATURES, 512), (512, 512), (512, 10))
        self.weights = [random.normal(0, 0.05, size).astype(np.float32) for size in sizes]

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of a batch, one row per item."""
        first, second, last = self.weights
        return np.maximum(np.maximum(batch @ first, 0) @ second, 0) @ last


class Echo(Handler):
    """W1: what comes in goes out."""

    @inference
    def echo(self, values: list[float]) -> list[float]:
        """Nothing to compute: what is left is the server."""
        return values


class Scores(Handler):
    """W3: the network, batched."""

    def load(self) -> None:
        self.network = Network()

    @inference(max_batch_size=MAX_BATCH)
    def scores(self, image: Annotated[NDArray[np.float32], Shape(None, FEATURES)]) -> NDArray[np.float32]:
        """Ten scores per image."""
        return self.network(image)


class EchoTensor(Handler):
    """W1g: four floats that come and go as a tensor."""

    @inference
    def echo(self, values: Annotated[NDArray[np.float32], Shape(4)]) -> NDArray[np.float32]:
        """Nothing to compute: what is left is the server."""
        return values
