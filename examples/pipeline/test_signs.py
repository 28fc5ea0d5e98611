"""The pipeline through the code that serves it in production, and each model alone."""

from pathlib import Path

import numpy as np
import pytest
from classifier import Classifier
from signs import Signs

from modelway.errors import StepError
from modelway.testing import Client, call

FILES = Path(__file__).parent
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.float32)
SQUARE = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.float32)


def picture() -> np.ndarray:
    image = np.zeros((12, 12), dtype=np.float32)
    image[1:4, 1:4] = CROSS
    image[5:11, 5:11] = np.kron(SQUARE, np.ones((2, 2)))
    return image


def test_both_signs_are_found_and_named() -> None:
    answer = call(Signs, "read", {"image": picture()}, files=FILES)
    assert [(sign["kind"], sign["score"]) for sign in answer["signs"]] == [("cross", 1.0), ("square", 1.0)]
    assert answer["signs"][1]["box"] == {"top": 5, "left": 5, "height": 6, "width": 6}


def test_a_dark_image_is_not_classified() -> None:
    answer = call(Signs, "read", {"image": np.zeros((4, 4))}, files=FILES)
    assert answer == {"signs": [], "note": "nothing is bright enough"}


def test_an_image_the_detector_cannot_take_names_the_step() -> None:
    with pytest.raises(StepError, match="step 'detect'"):
        call(Signs, "read", {"image": [1.0, 0.0]}, files=FILES)


def test_the_classifier_can_be_replaced() -> None:
    class Blind(Classifier):
        def load(self) -> None:
            super().load()
            self.table = np.zeros_like(self.table)

    blind = Blind()
    with Client(Signs, files=FILES, steps={"classify": blind}) as client:
        answer = client.call("read", {"image": picture()})
    assert [sign["score"] for sign in answer["signs"]] == [0.0, 0.0]
