"""Networks of the examples' own forms, deep enough that batches matter, with seeded random weights."""

import json
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SEED = 7


def write_torch(folder: Path, *, channels: int, blocks: int) -> None:
    """The PyTorch example's network with other sizes; `folder` has its module."""
    torch: Any = import_module("torch")
    sys.path.insert(0, str(folder))
    torch.manual_seed(SEED)
    sizes = {"channels": channels, "blocks": blocks}
    network: Any = import_module("network").Network(**sizes)
    with torch.no_grad():
        for block in network.body[
            1:-1
        ]:  # as at the start of training: each adds little, so that depth keeps the numbers tame
            block.steps[-1].weight.fill_(0.1)
    import_module("safetensors.torch").save_model(network.eval(), str(folder / "weights.safetensors"))
    (folder / "network.json").write_text(json.dumps(sizes), encoding="utf-8")


def write_onnx(folder: Path, *, width: int, layers: int) -> None:
    """A graph of the ONNX example's form: matrix products and rectifiers, softmax at the end."""
    random = np.random.default_rng(SEED)
    sizes = [64, *[width] * layers, 10]
    nodes: list[Any] = []
    weights: list[Any] = []
    value = "image"
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        matrix = random.normal(0, (2 / rows) ** 0.5, (rows, columns)).astype(np.float32)
        weights.append(numpy_helper.from_array(matrix, f"weights_{number}"))
        nodes.append(helper.make_node("MatMul", [value, f"weights_{number}"], [f"sum_{number}"]))
        last = number == layers
        value = "probabilities" if last else f"layer_{number}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"sum_{number}"], [value]))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
