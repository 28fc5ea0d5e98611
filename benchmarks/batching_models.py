"""The models under test of `benchmarks.batching`: W3's network without and with batching, and one whose batches cost a fixed time."""

import time
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving_models import FEATURES, MAX_BATCH, Network
from modelway import Handler, Shape, inference

FIXED_SECONDS = 0.01
SECONDS_PER_ITEM = 0.0001


class Lone(Handler):
    """One network behind endpoints that differ in batching alone."""

    def load(self) -> None:
        self.network = Network()

    @inference
    def off(self, image: Annotated[NDArray[np.float32], Shape(FEATURES)]) -> NDArray[np.float32]:
        """No batching."""
        return self.network(image[None])[0]

    @inference(max_batch_size=MAX_BATCH)
    def greedy(self, image: Annotated[NDArray[np.float32], Shape(None, FEATURES)]) -> NDArray[np.float32]:
        """What has arrived."""
        return self.network(image)

    @inference(max_batch_size=MAX_BATCH, max_wait_ms=5)
    def fixed(self, image: Annotated[NDArray[np.float32], Shape(None, FEATURES)]) -> NDArray[np.float32]:
        """Up to 5 ms behind another batch."""
        return self.network(image)

    @inference(max_batch_size=MAX_BATCH, max_wait_ms="adaptive")
    def adaptive(self, image: Annotated[NDArray[np.float32], Shape(None, FEATURES)]) -> NDArray[np.float32]:
        """As long as it pays."""
        return self.network(image)


class Device(Handler):
    """Stands for an accelerator: ten milliseconds per batch, however large, and a tenth per item."""

    @inference(max_batch_size=MAX_BATCH)
    def greedy(self, numbers: list[int]) -> list[int]:
        """What has arrived."""
        time.sleep(FIXED_SECONDS + SECONDS_PER_ITEM * len(numbers))
        return numbers

    @inference(max_batch_size=MAX_BATCH, max_wait_ms=5)
    def fixed(self, numbers: list[int]) -> list[int]:
        """Up to 5 ms behind another batch."""
        return self.greedy(numbers)

    @inference(max_batch_size=MAX_BATCH, max_wait_ms="adaptive")
    def adaptive(self, numbers: list[int]) -> list[int]:
        """As long as it pays."""
        return self.greedy(numbers)
