"""Trains both versions on scikit-learn's digits and writes each project's model file and golden examples.

python -m examples.digits.train
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
SEED = 7
GOLDEN_EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """All 1,797 images as rows of 64 greys from 0 to 16, and which of them were kept from training."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    seen: NDArray[np.int64]
    unseen: NDArray[np.int64]


def load() -> Digits:
    """The data that scikit-learn bundles, split the same way every time."""
    images, labels = load_digits(return_X_y=True)
    seen, unseen = train_test_split(np.arange(len(labels)), test_size=0.25, random_state=SEED, stratify=labels)
    return Digits(images=images.astype(np.float32), labels=labels, seen=np.sort(seen), unseen=np.sort(unseen))


def train_v1(digits: Digits) -> Pipeline:
    """Version 1: standardised greys and a linear model, as one scikit-learn pipeline."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))
    return pipeline.fit(digits.images[digits.seen] / 16, digits.labels[digits.seen])


def train_v2(digits: Digits) -> onnx.ModelProto:
    """Version 2: a small network, trained by scikit-learn and written out as an ONNX graph."""
    network = MLPClassifier((128,), alpha=1e-3, learning_rate_init=0.005, max_iter=150, random_state=SEED)
    network.fit(digits.images[digits.seen] / 16, digits.labels[digits.seen])
    return as_onnx(network)


def as_onnx(network: MLPClassifier) -> onnx.ModelProto:
    """The trained weights as a graph: one matrix product and rectifier per hidden layer, softmax at the end."""
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    value = "image"
    last = len(network.coefs_) - 1
    for number, (matrix, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        weights.append(numpy_helper.from_array(matrix.astype(np.float32), f"weights_{number}"))
        weights.append(numpy_helper.from_array(bias.astype(np.float32), f"bias_{number}"))
        nodes.append(helper.make_node("Gemm", [value, f"weights_{number}", f"bias_{number}"], [f"sum_{number}"]))
        value = "probabilities" if number == last else f"layer_{number}"
        step = helper.make_node("Softmax", [f"sum_{number}"], [value], axis=1)
        nodes.append(step if number == last else helper.make_node("Relu", [f"sum_{number}"], [value]))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def golden_examples(digits: Digits, probabilities: NDArray[np.float32]) -> list[dict[str, Any]]:
    """A few unseen images with the answers a correct server must give."""
    return [
        {
            "endpoint": "predict",
            "request": {"image": digits.images[index].astype(int).tolist()},
            "response": {
                "digit": int(probabilities[index].argmax()),
                "confidence": round(float(probabilities[index].max()), 6),
            },
            "tolerance": 1e-4,
        }
        for index in digits.unseen[:GOLDEN_EXAMPLES]
    ]


def main() -> None:
    """Train both and write their files, the same bytes on every run on one machine."""
    digits = load()
    pipeline = train_v1(digits)
    joblib.dump(pipeline, HERE / "v1" / "model.joblib")
    write_examples("v1", golden_examples(digits, pipeline.predict_proba(digits.images / 16)))
    network = train_v2(digits)
    onnx.save(network, HERE / "v2" / "model.onnx")
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"image": digits.images / 16})
    write_examples("v2", golden_examples(digits, probabilities))


def write_examples(version: str, examples: list[dict[str, Any]]) -> None:
    """Write one project's golden examples, one per line."""
    lines = ",\n".join(f" {json.dumps(example)}" for example in examples)
    (HERE / version / "examples.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
