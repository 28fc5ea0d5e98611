"""Detect, crop, classify each crop in parallel, join: two models behind one handler."""

from dataclasses import dataclass

import numpy as np
from classifier import Classifier
from detector import Box, Detector
from numpy.typing import NDArray

from modelway import Pipeline, Step, inference, together

CROP = 3


@dataclass(frozen=True)
class Sign:
    """One sign that was found, and how sure the classifier is."""

    kind: str
    score: float
    box: Box


@dataclass(frozen=True)
class Found:
    """All signs of an image, from the top down; `note` is there when there is none."""

    signs: list[Sign]
    note: str = ""


class Signs(Pipeline):
    """Reads signs off images."""

    detect = Step(Detector, files="detector")
    classify = Step(Classifier, files="classifier")

    @inference
    async def read(self, image: NDArray[np.float32]) -> Found:
        """Find the signs of a grey image, 0 black to 1 white."""
        boxes = await self.detect(image=image)
        if not boxes:
            return Found(signs=[], note="nothing is bright enough")
        labels = await together(self.classify(crop=_crop(image, box)) for box in boxes)
        return Found(
            signs=[Sign(label.kind, label.score, box) for label, box in zip(labels, boxes, strict=True)],
        )


def _crop(image: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """The box of the image, scaled to what the classifier takes by picking the nearest pixels."""
    rows = box.top + np.arange(CROP) * box.height // CROP
    columns = box.left + np.arange(CROP) * box.width // CROP
    return image[np.ix_(rows, columns)]
