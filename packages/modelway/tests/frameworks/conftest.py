"""Handlers for loaders to load for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelway import Handler, inference


class Batched(Handler):
    """Meets batches of up to 6."""

    def __init__(self) -> None:
        self.model: Any = None

    @inference(max_batch_size=6)
    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.model(batch)


class Alone(Handler):
    """Meets one row at a time."""

    @inference
    def predict(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        return row


MakeHandler = Callable[..., Handler]


@pytest.fixture
def handler(tmp_path: Path) -> MakeHandler:
    """`handler(device="cuda")`: an instance as `load` finds it, with an empty folder of files."""

    def make(kind: type[Handler] = Batched, *, device: str = "cpu", threads: int = 1) -> Handler:
        made = kind()
        made.files, made.device, made.threads = tmp_path, device, threads
        return made

    return make


@pytest.fixture
def write_graph() -> Callable[[Path], None]:
    """Writes a graph whose two outputs are the sum of four inputs."""
    onnx: Any = pytest.importorskip("onnx")

    def write(path: Path) -> None:
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["row", "ones"], ["sum"])],
            "sums",
            [helper.make_tensor_value_info("row", kind, ["batch", 4])],
            [helper.make_tensor_value_info("sum", kind, ["batch", 2])],
            [onnx.numpy_helper.from_array(np.ones((4, 2), np.float32), "ones")],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))

    return write
