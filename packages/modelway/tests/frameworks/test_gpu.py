"""On a machine with a GPU: the PyTorch and ONNX loaders put their models there; elsewhere these tests are skipped by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway import Handler
from modelway.errors import LoadError
from modelway.frameworks import load_onnx, load_torch

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed in this environment")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use"),
]


def test_a_torch_model_runs_there_and_answers_as_on_the_cpu(handler: Callable[..., Handler], tmp_path: Path) -> None:
    torch.manual_seed(7)
    network = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    rows = np.random.default_rng(7).normal(size=(6, 8)).astype(np.float32)
    on_cpu = load_torch(handler(), "weights.pt", network)(rows)
    model = load_torch(handler(device="cuda:0"), "weights.pt", network, example=rows[0])
    assert next(model.module.parameters()).device.type == "cuda"
    np.testing.assert_allclose(model(rows), on_cpu, atol=1e-3)
    half = load_torch(handler(device="cuda"), "weights.pt", network, example=rows[0], dtype="bfloat16")
    assert half(rows).dtype == np.float32
    np.testing.assert_allclose(half(rows), on_cpu, atol=0.1)


def test_a_gpu_that_is_not_there_is_an_error_and_not_the_first_one(
    handler: Callable[..., Handler], tmp_path: Path
) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(LoadError, match=r"cuda:63.*this process sees"):
        load_torch(handler(device="cuda:63"), "weights.pt", torch.nn.Linear(2, 2))


def test_an_onnx_graph_runs_there_or_says_that_the_provider_is_missing(
    handler: Callable[..., Handler], write_graph: Callable[[Path], Any], tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    write_graph(tmp_path / "model.onnx")
    if "CUDAExecutionProvider" not in runtime.get_available_providers():
        with pytest.raises(LoadError, match="no CUDAExecutionProvider"):
            load_onnx(handler(device="cuda"), "model.onnx")
        return
    model = load_onnx(handler(device="cuda"), "model.onnx")
    assert model.session.get_providers()[0] == "CUDAExecutionProvider"
    assert model(np.ones((3, 4), np.float32)).tolist() == [[4.0, 4.0]] * 3
