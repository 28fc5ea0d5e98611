"""ONNX graphs: inputs by name and dtype, providers by device, threads, and what cannot be opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway import Handler
from modelway.errors import LoadError
from modelway.frameworks import TensorInfo, load_onnx

runtime: Any = pytest.importorskip("onnxruntime")
Make = Callable[..., Handler]
Write = Callable[[Path], None]


@pytest.fixture
def graph(write_graph: Write, tmp_path: Path) -> str:
    write_graph(tmp_path / "model.onnx")
    return "model.onnx"


def test_a_graph_is_called_like_a_function(handler: Make, graph: str) -> None:
    model = load_onnx(handler(), graph)
    assert model.inputs == (TensorInfo("row", "float32", (None, 4)),)
    assert model.outputs == (TensorInfo("sum", "float32", (None, 2)),)
    rows = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert model(rows).tolist() == [[6.0, 6.0], [22.0, 22.0]]
    assert model(row=rows.astype(np.float64)).dtype == np.float32
    assert model.session.get_providers() == ["CPUExecutionProvider"]


def test_threads_are_the_sessions(handler: Make, graph: str) -> None:
    options = load_onnx(handler(threads=3), graph).session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    own = runtime.SessionOptions()
    own.log_severity_level = 4
    options = load_onnx(handler(), graph, options=own, threads=2).session.get_session_options()
    assert (options.intra_op_num_threads, options.log_severity_level) == (2, 4)


def test_inputs_that_do_not_fit_are_refused_by_name(handler: Make, graph: str) -> None:
    model = load_onnx(handler(), graph)
    with pytest.raises(TypeError, match="takes row"):
        model()
    with pytest.raises(TypeError, match="takes row"):
        model(np.zeros((1, 4)), row=np.zeros((1, 4)))
    with pytest.raises(TypeError, match="takes row"):
        model(column=np.zeros((1, 4)))
    with pytest.raises(TypeError, match="input row: complex128 does not go into float32"):
        model(np.zeros((1, 4), np.complex128))


def test_what_cannot_be_opened_says_so(handler: Make, graph: str, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no output 'total'") as refusal:
        load_onnx(handler(), graph, outputs=["total"])
    assert refusal.value.hint == "outputs: sum"
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(LoadError, match=r"broken\.onnx is no graph that onnxruntime can run"):
        load_onnx(handler(), "broken.onnx")
    with pytest.raises(LoadError, match="served on cpu or cuda"):
        load_onnx(handler(device="mps"), graph)
    with pytest.raises(LoadError, match="batch of 1 examples"):
        load_onnx(handler(), graph, example=np.zeros(5, np.float32))


def test_a_provider_that_is_missing_is_no_reason_to_use_the_cpu(handler: Make, graph: str) -> None:
    if "CUDAExecutionProvider" in runtime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA's provider")
    with pytest.raises(LoadError, match=r"has no CUDAExecutionProvider; it has .*CPUExecutionProvider") as refusal:
        load_onnx(handler(device="cuda:1"), graph)
    assert "onnxruntime-gpu" in refusal.value.hint
