"""Which language a text is in, with Transformers: model and tokenizer from one folder, never from the network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelway import Handler, inference, postprocess
from modelway.frameworks import load_transformers


@dataclass(frozen=True)
class Guess:
    """The language, and how sure the model is."""

    language: str
    confidence: float


class Languages(Handler):
    """Tells English, German, French and Spanish apart."""

    def load(self) -> None:
        self.model = load_transformers(self, "model", "AutoModelForSequenceClassification", example="Guten Tag")
        self.names: dict[int, str] = self.model.model.module.config.id2label

    @inference(max_batch_size=16)
    def classify(self, texts: list[str]) -> list[NDArray[np.float32]]:
        return list(self.model(texts)["logits"])

    @postprocess
    def name(self, logits: NDArray[np.float32]) -> Guess:
        shares = np.exp(logits - logits.max())
        best = int(shares.argmax())
        return Guess(language=self.names[best], confidence=float(shares[best] / shares.sum()))
