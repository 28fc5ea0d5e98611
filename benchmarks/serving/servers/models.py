"""The model functions, the same ones under every server: an echo, a forest, a network. Knows no server's library.

Calls and rows are counted in a small shared file, so that the mean batch is measured the same way for everybody.
"""

import json
import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MAX_BATCH = 32
WINDOW_SECONDS = 0.005
WIDTHS = {"w1": 4, "w2": 64, "w3": 784, "w3b": 784, "w1g": 4, "w3g": 784}
Rows = Any  # a list of rows or an array of them, float32
Model = Callable[[Rows], Rows]


def batched(workload: str) -> bool:
    """Whether requests of this workload may go to the model together."""
    return workload.rstrip("bg") != "w1"


def load(workload: str) -> Model:
    """The workload's model: rows of inputs in, as many rows of outputs back."""
    model = {"w1": _echo, "w2": _forest, "w3": _network}[workload.rstrip("bg")]()
    return _counted(model) if "BENCH_COUNTS" in os.environ else model


def _echo() -> Model:
    return lambda rows: rows


def _forest() -> Model:
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    images, labels = load_digits(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=50, random_state=7, n_jobs=1).fit(images, labels)
    return lambda rows: forest.predict_proba(np.asarray(rows, np.float32))


def _network() -> Model:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.environ["BENCH_NETWORK"], options, ["CPUExecutionProvider"])
    return lambda rows: session.run(None, {"image": np.asarray(rows, np.float32)})[0]


def _counted(model: Model) -> Model:
    with Path(os.environ["BENCH_COUNTS"]).open("r+b") as file:
        counts = np.frombuffer(mmap.mmap(file.fileno(), 16), np.int64)

    def call(rows: Rows) -> Rows:
        counts[0] += 1
        counts[1] += len(rows)
        return model(rows)

    return call


def example(workload: str, number: int) -> list[float]:
    """One of sixteen inputs with differing labels."""
    if workload == "w2":
        from sklearn.datasets import load_digits

        return [float(each) for each in load_digits().data[number]]
    if workload.rstrip("bg") == "w1":
        return [number + 0.25, number + 0.5, number * 2.0, 1.5]
    random = np.random.default_rng(number)
    return [round(float(each), 4) for each in random.random(WIDTHS[workload])]


if __name__ == "__main__":
    # What a right server answers, computed with the very libraries the servers have.
    inputs = [example(sys.argv[1], number) for number in range(16)]
    outputs = np.asarray(load(sys.argv[1])(np.asarray(inputs, np.float32)), np.float64)
    print(json.dumps({"inputs": inputs, "outputs": outputs.tolist()}))
