"""The ONNX network of W3: a perceptron 784-512-512-10 in float32 with seeded random weights."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_network(path: Path) -> None:
    """Write it, the same every time."""
    random = np.random.default_rng(7)
    sizes = ((784, 512), (512, 512), (512, 10))
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    last = "image"
    for number, size in enumerate(sizes, start=1):
        weights.append(numpy_helper.from_array(random.normal(0, 0.05, size).astype(np.float32), f"w{number}"))
        out = "scores" if number == len(sizes) else f"h{number}"
        nodes.append(helper.make_node("MatMul", [last, f"w{number}"], [out]))
        if number < len(sizes):
            nodes.append(helper.make_node("Relu", [out], [f"r{number}"]))
            last = f"r{number}"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, 784])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 10])
    graph = helper.make_graph(nodes, "perceptron", [image], [scores], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
