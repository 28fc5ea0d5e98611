"""Version 2 of the digit classifier: a small network in ONNX, run by onnxruntime."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from modelway import Handler, Shape, inference, postprocess, preprocess


@dataclass(frozen=True)
class Prediction:
    """What the model sees in an image."""

    digit: int
    confidence: float


class Digits(Handler):
    """Names the digit in an image of 8 by 8 greys from 0 to 16."""

    def load(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a network this small loses time to more threads
        self.session: Any = onnxruntime.InferenceSession(
            self.files / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

    @preprocess
    def scale(self, image: Annotated[NDArray[np.float32], Shape(64)]) -> NDArray[np.float32]:
        return image / 16

    @inference(max_batch_size=64)
    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        (probabilities,) = self.session.run(["probabilities"], {"image": batch})
        return probabilities

    @postprocess
    def label(self, probabilities: NDArray[np.float32]) -> Prediction:
        best = int(probabilities.argmax())
        return Prediction(digit=best, confidence=float(probabilities[best]))
