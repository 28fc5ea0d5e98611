"""XGBoost and LightGBM: their own formats only, and the same answers as the libraries'."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway import Handler
from modelway.errors import LoadError
from modelway.frameworks import load_lightgbm, load_xgboost

xgboost: Any = pytest.importorskip("xgboost", reason="XGBoost is not installed in this environment")
lightgbm: Any = pytest.importorskip("lightgbm", reason="LightGBM is not installed in this environment")
Make = Callable[..., Handler]
RANDOM = np.random.default_rng(7)
ROWS = RANDOM.normal(size=(200, 4)).astype(np.float32)
KINDS = (ROWS[:, 0] > 0).astype(int) + (ROWS[:, 1] > 0)


@pytest.mark.parametrize("file", ["model.json", "model.ubj"])
def test_xgboost_predicts_what_its_own_class_does(handler: Make, tmp_path: Path, file: str) -> None:
    wrapped = xgboost.XGBClassifier(n_estimators=30, early_stopping_rounds=2, n_jobs=1)
    wrapped.fit(ROWS[:100], KINDS[:100], eval_set=[(ROWS[100:], KINDS[100:])], verbose=False)
    assert wrapped.best_iteration < 29, "stopped early, so that rounds count"
    wrapped.save_model(tmp_path / file)
    model = load_xgboost(handler(threads=1), file)
    np.testing.assert_allclose(model(ROWS), wrapped.predict_proba(ROWS), rtol=1e-5)
    assert model.features == 4


def test_lightgbm_predicts_what_its_own_booster_does(handler: Make, tmp_path: Path) -> None:
    options = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(ROWS, KINDS), num_boost_round=5)
    booster.save_model(tmp_path / "model.txt")
    model = load_lightgbm(handler(threads=1), "model.txt")
    np.testing.assert_allclose(model(ROWS), booster.predict(ROWS), rtol=1e-9)
    assert model.features == 4


def test_what_is_none_of_their_formats(handler: Make, tmp_path: Path) -> None:
    for name in ("model.ubj", "model.json", "model.txt", "model.pkl"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    for name in ("model.ubj", "model.json"):
        with pytest.raises(LoadError, match=f"{name} cannot be opened"):
            load_xgboost(handler(), name)
    with pytest.raises(LoadError, match=r"own formats end in \.json or \.ubj"):
        load_xgboost(handler(), "model.pkl")
    with pytest.raises(LoadError, match=r"model\.txt cannot be opened"):
        load_lightgbm(handler(), "model.txt")


def test_devices_they_do_not_have(handler: Make, tmp_path: Path) -> None:
    (tmp_path / "model.ubj").touch()
    if not xgboost.build_info().get("USE_CUDA"):
        with pytest.raises(LoadError, match=r"device 'cuda': this XGBoost .* is not built for it"):
            load_xgboost(handler(device="cuda"), "model.ubj")
    with pytest.raises(LoadError, match="LightGBM runs its models on the CPU only"):
        load_lightgbm(handler(device="cuda"), "model.ubj")
