"""TensorFlow: Keras files and SavedModels as one function for all batch sizes, and what is unsafe or missing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway import Handler
from modelway.errors import LoadError
from modelway.frameworks import load_tensorflow

tensorflow: Any = pytest.importorskip("tensorflow", reason="TensorFlow is not installed in this environment")
keras: Any = pytest.importorskip("keras")
Make = Callable[..., Handler]
ROWS = np.random.default_rng(7).normal(size=(5, 4)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def threads() -> None:
    """Before anything of TensorFlow runs, as the loader has it in a model server."""
    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)


@pytest.fixture
def model() -> Any:
    keras.utils.set_random_seed(7)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])


def test_a_keras_file_and_a_saved_model_answer_alike(handler: Make, tmp_path: Path, model: Any) -> None:
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "saved", verbose=False)
    expected = model.predict(ROWS, verbose=0)
    for name in ("model.keras", "saved"):
        opened = load_tensorflow(handler(), name)
        np.testing.assert_allclose(opened(ROWS), expected, atol=1e-6)
        np.testing.assert_allclose(opened(ROWS.astype(np.float64)[:2]), expected[:2], atol=1e-6)
        with pytest.raises(TypeError, match="takes 1 arrays, not 2"):
            opened(ROWS, ROWS)
    with pytest.raises(LoadError, match="no signature 'other'") as refusal:
        load_tensorflow(handler(), "saved", signature="other")
    assert "serving_default" in refusal.value.hint


def test_all_batch_sizes_share_one_trace(handler: Make, tmp_path: Path, model: Any) -> None:
    model.save(tmp_path / "model.keras")
    opened = load_tensorflow(handler(), "model.keras")
    for size in (1, 3, 5):
        opened(ROWS[:size])
    assert opened._function.experimental_get_tracing_count() == 1  # pyright: ignore[reportPrivateUsage] - what it is about


def test_several_inputs_and_outputs(handler: Make, tmp_path: Path) -> None:
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    both = keras.Model([left, right], {"sum": keras.layers.Add()([left, right]), "left": keras.layers.ReLU()(left)})
    both.save(tmp_path / "both.keras")
    answer = load_tensorflow(handler(), "both.keras")(np.ones((2, 2)), np.full((2, 2), 3.0))
    assert answer["sum"].tolist() == [[4.0, 4.0], [4.0, 4.0]]
    assert answer["left"].shape == (2, 2)


def test_code_in_a_file_is_not_run_unless_it_is_trusted(handler: Make, tmp_path: Path) -> None:
    twice: Any = eval("lambda rows: rows * 2")  # what is stored is the bytecode of a lambda
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(twice)]).save(tmp_path / "code.keras")
    with pytest.raises(LoadError, match=r"code\.keras cannot be opened") as refusal:
        load_tensorflow(handler(), "code.keras")
    assert "trusted=True" in refusal.value.hint
    np.testing.assert_allclose(load_tensorflow(handler(), "code.keras", trusted=True)(ROWS), ROWS * 2)
    (tmp_path / "old.h5").write_bytes(b"")
    with pytest.raises(LoadError, match=r"old\.h5: Keras reads it without its safe mode"):
        load_tensorflow(handler(), "old.h5")


def test_what_is_no_model_or_no_device_or_too_late(handler: Make, tmp_path: Path, model: Any) -> None:
    (tmp_path / "broken.keras").write_bytes(b"nothing of the kind")
    with pytest.raises(LoadError, match=r"broken\.keras is no Keras file"):
        load_tensorflow(handler(), "broken.keras")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoadError, match="empty is no SavedModel"):
        load_tensorflow(handler(), "empty")
    model.save(tmp_path / "model.keras")
    if not tensorflow.config.list_physical_devices("GPU"):
        with pytest.raises(LoadError, match=r"device 'cuda': TensorFlow .* (finds 0 GPUs|built without CUDA)"):
            load_tensorflow(handler(device="cuda"), "model.keras")
    with pytest.raises(LoadError, match="threads=3: TensorFlow has started in this process with another number"):
        load_tensorflow(handler(), "model.keras", threads=3)
