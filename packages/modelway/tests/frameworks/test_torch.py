"""PyTorch: every way to save a model, what is unsafe, what does not fit, and the state a module is served in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway import Handler
from modelway.errors import LoadError
from modelway.frameworks import load_torch

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed in this environment")
safetensors: Any = pytest.importorskip("safetensors.torch")
Make = Callable[..., Handler]
ROWS = np.random.default_rng(7).normal(size=(5, 4)).astype(np.float32)


def network() -> Any:
    torch.manual_seed(7)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)
    )


@pytest.fixture
def expected() -> Any:
    with torch.no_grad():
        return network().eval()(torch.from_numpy(ROWS)).numpy()


def test_weights_go_into_the_module(handler: Make, tmp_path: Path, expected: Any) -> None:
    safetensors.save_model(network(), str(tmp_path / "weights.safetensors"))
    torch.save(network().state_dict(), tmp_path / "weights.pt")
    for file in ("weights.safetensors", "weights.pt"):
        other = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)
        )
        model = load_torch(handler(threads=1), file, other, example=ROWS[0])
        np.testing.assert_allclose(model(ROWS), expected, atol=1e-6)
        assert not model.module.training
        assert not any(each.requires_grad for each in model.module.parameters())
        assert torch.get_num_threads() == 1


def test_programs_need_no_module(handler: Make, tmp_path: Path, expected: Any) -> None:
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    torch.export.save(
        torch.export.export(network().eval(), (torch.zeros(2, 4),), dynamic_shapes=shapes), tmp_path / "model.pt2"
    )
    np.testing.assert_allclose(load_torch(handler(), "model.pt2", example=ROWS[0])(ROWS), expected, atol=1e-6)
    (tmp_path / "broken.pt2").write_bytes(b"no program")
    with pytest.raises(LoadError, match="no exported program"):
        load_torch(handler(), "broken.pt2")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_needs_no_module(handler: Make, tmp_path: Path, expected: Any) -> None:
    torch.jit.script(network().eval()).save(str(tmp_path / "script.pt"))
    np.testing.assert_allclose(load_torch(handler(), "script.pt", example=ROWS[0])(ROWS), expected, atol=1e-6)


def test_a_pickled_module_is_not_read_unless_it_is_trusted(handler: Make, tmp_path: Path, expected: Any) -> None:
    torch.save(network(), tmp_path / "model.pt")
    with pytest.raises(LoadError, match="reading it runs whatever code it holds") as refusal:
        load_torch(handler(), "model.pt")
    assert "safetensors" in refusal.value.hint
    np.testing.assert_allclose(load_torch(handler(), "model.pt", trusted=True)(ROWS), expected, atol=1e-6)


def test_weights_of_another_network_say_what_does_not_fit(handler: Make, tmp_path: Path) -> None:
    safetensors.save_model(network(), str(tmp_path / "weights.safetensors"))
    torch.save(network().state_dict(), tmp_path / "weights.pt")
    for file in ("weights.safetensors", "weights.pt"):
        with pytest.raises(LoadError, match=rf"weights of {file} do not fit.*3\.(weight|bias)"):
            load_torch(handler(), file, torch.nn.Sequential(torch.nn.Linear(4, 8)))
        with pytest.raises(LoadError, match="holds weights only"):
            load_torch(handler(), file)


def test_files_that_are_none_of_its_kind(handler: Make, tmp_path: Path) -> None:
    for file in ("model.pt", "model.safetensors"):
        (tmp_path / file).write_bytes(b"nothing of the kind")
        with pytest.raises(LoadError, match=f"{file} is no"):
            load_torch(handler(), file, network())
    whole = tmp_path / "whole.pt"
    torch.save(network().state_dict(), whole)
    (tmp_path / "half.pt").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(LoadError, match=r"half\.pt"):
        load_torch(handler(), "half.pt", network())


def test_devices_dtypes_and_threads_that_are_not_there(handler: Make, tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "weights.pt")
    if not torch.cuda.is_available():
        with pytest.raises(LoadError, match=r"device 'cuda': PyTorch .* (finds no GPU|is built without CUDA)"):
            load_torch(handler(device="cuda"), "weights.pt", network())
    with pytest.raises(LoadError, match="served on cpu, cuda or mps"):
        load_torch(handler(device="abacus"), "weights.pt", network())
    with pytest.raises(LoadError, match="dtype 'int8'"):
        load_torch(handler(), "weights.pt", network(), dtype="int8")
    with pytest.raises(LoadError, match="threads=0"):
        load_torch(handler(), "weights.pt", network(), threads=0)
    with pytest.raises(LoadError, match="compiled=True without an example"):
        load_torch(handler(), "weights.pt", network(), compiled=True)
    with pytest.raises(LoadError, match="at a batch of 1 examples"):
        load_torch(handler(), "weights.pt", network(), example=ROWS[0][:3])


def test_arrays_in_and_arrays_out(handler: Make, tmp_path: Path, expected: Any) -> None:
    torch.save(network().state_dict(), tmp_path / "weights.pt")
    half = load_torch(handler(), "weights.pt", network(), dtype="bfloat16", example=ROWS[0])
    assert half(ROWS).dtype == np.float32
    np.testing.assert_allclose(half(ROWS), expected, atol=0.1)
    model = load_torch(handler(), "weights.pt", network())
    read_only = np.frombuffer(ROWS.tobytes(), np.float32).reshape(ROWS.shape)
    np.testing.assert_allclose(model(read_only), expected, atol=1e-6)
    np.testing.assert_allclose(model(torch.from_numpy(ROWS)), expected, atol=1e-6)
    several = model.array({"a": torch.ones(2), "b": (torch.zeros(1), [torch.zeros(1), "text"])})
    assert several["a"].tolist() == [1.0, 1.0]
    assert several["b"][1][1] == "text"
    assert isinstance(several["b"][0], np.ndarray)
