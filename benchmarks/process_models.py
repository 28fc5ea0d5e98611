"""The models under test of `benchmarks.model_processes`: one keeps the interpreter while it computes, one lets go of it."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from modelway import Handler, Shape, inference

SIDE = 512  # a tensor of float32 is 1 MiB
ROUNDS = 60_000

Tensor = Annotated[NDArray[np.float32], Shape(SIDE, SIDE)]


class Holds(Handler):
    """Computes in Python itself, some milliseconds, and gives a tensor back."""

    @inference
    def compute(self, tensor: Tensor) -> Tensor:
        """Python's own arithmetic."""
        number = 1
        for _ in range(ROUNDS):
            number = (number * 48_271) % 2_147_483_647
        return tensor + np.float32(number % 2)


class Releases(Handler):
    """Multiplies matrices, which NumPy does without the interpreter."""

    def load(self) -> None:
        """One matrix, always the same."""
        random = np.random.default_rng(7)
        self.matrix: NDArray[np.float32] = random.standard_normal((SIDE, SIDE), dtype=np.float32)

    @inference
    def compute(self, tensor: Tensor) -> Tensor:
        """Some milliseconds of BLAS in one thread."""
        return (tensor @ self.matrix @ self.matrix).astype(np.float32, copy=False)
