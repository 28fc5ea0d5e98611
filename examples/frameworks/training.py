"""What the training scripts share: the digits, and golden examples out of what the framework itself answers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7
GOLDEN_EXAMPLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """Images as rows of 64 greys from 0 to 16, and which digits they show; a quarter is kept from training."""

    seen: NDArray[np.float32]
    seen_labels: NDArray[np.int64]
    unseen: NDArray[np.float32]
    unseen_labels: NDArray[np.int64]


def digits() -> Digits:
    """The data that scikit-learn bundles, split the same way every time."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(
        images.astype(np.float32), labels.astype(np.int64), test_size=0.25, random_state=SEED, stratify=labels
    )
    return Digits(seen=parts[0], unseen=parts[1], seen_labels=parts[2], unseen_labels=parts[3])


def write_digit_examples(folder: Path, data: Digits, probabilities: NDArray[np.floating[Any]]) -> None:
    """A few unseen images with the answers of the framework itself, which a correct server must give."""
    right = float((probabilities.argmax(axis=1) == data.unseen_labels).mean())
    if right < 0.9:
        raise SystemExit(f"{folder.name}: only {right:.0%} of the unseen digits are recognised")
    answers = [
        {
            "endpoint": "predict",
            "request": {"image": data.unseen[index].astype(int).tolist()},
            "response": {"digit": int(row.argmax()), "confidence": round(float(row.max()), 6)},
            "tolerance": 1e-4,
        }
        for index, row in enumerate(probabilities[:GOLDEN_EXAMPLES])
    ]
    write_examples(folder, answers)
    print(f"{folder.name}: {right:.1%} of {len(data.unseen)} unseen digits recognised")


def write_examples(folder: Path, examples: list[dict[str, Any]]) -> None:
    """Write golden examples, one per line."""
    lines = ",\n".join(f" {json.dumps(example)}" for example in examples)
    (folder / "examples.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
