"""The second model: what a crop shows, for many crops at once."""

import json
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from modelway import Handler, Shape, inference


@dataclass(frozen=True)
class Label:
    """The likeliest kind; a score of 1 is a perfect match."""

    kind: str
    score: float


class Classifier(Handler):
    """Compares crops with templates by cosine similarity."""

    def load(self) -> None:
        templates = json.loads((self.files / "templates.json").read_text(encoding="utf-8"))
        self.kinds = list(templates)
        table = np.array([templates[kind] for kind in self.kinds], dtype=np.float32).reshape(len(self.kinds), -1)
        self.table = table / np.linalg.norm(table, axis=1, keepdims=True)

    @inference(max_batch_size=64)
    def classify(self, crop: Annotated[NDArray[np.float32], Shape(None, 3, 3)]) -> list[Label]:
        flat = crop.reshape(len(crop), -1)
        scores = flat @ self.table.T / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
        best = scores.argmax(axis=1)
        return [
            Label(self.kinds[kind], round(float(score), 4))
            for kind, score in zip(best, scores[np.arange(len(best)), best], strict=True)
        ]
