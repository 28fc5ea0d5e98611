"""Trains a network with scikit-learn and writes it as an ONNX graph: python -m examples.frameworks.onnx.train."""

from pathlib import Path

import onnx
import onnxruntime
from examples.digits.train import as_onnx
from examples.frameworks.training import SEED, digits, write_digit_examples
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).resolve().parent


def main() -> None:
    data = digits()
    network = MLPClassifier((64,), learning_rate_init=0.005, max_iter=60, tol=1e-3, random_state=SEED)
    graph = as_onnx(network.fit(data.seen / 16, data.seen_labels))
    onnx.save(graph, HERE / "model.onnx")
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"image": data.unseen / 16})
    write_digit_examples(HERE, data, probabilities)


if __name__ == "__main__":
    main()
