"""scikit-learn: no silent pickle, no foreign version, and estimators made fit for small requests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway import Handler
from modelway.errors import LoadError
from modelway.frameworks import load_sklearn

sklearn: Any = pytest.importorskip("sklearn")
joblib: Any = pytest.importorskip("joblib")
ensemble: Any = pytest.importorskip("sklearn.ensemble")
preprocessing: Any = pytest.importorskip("sklearn.preprocessing")
pipelines: Any = pytest.importorskip("sklearn.pipeline")
linear: Any = pytest.importorskip("sklearn.linear_model")
Make = Callable[..., Handler]
ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]])
KINDS = np.array([0, 1, 0, 1])


class Poison:
    """A pickle that runs code when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_a_pickle_is_not_read_unless_it_is_trusted(handler: Make, tmp_path: Path) -> None:
    joblib.dump(Poison(tmp_path / "ran"), tmp_path / "model.joblib")
    with pytest.raises(LoadError, match="reading it runs whatever code it holds") as refusal:
        load_sklearn(handler(), "model.joblib")
    assert "skops.io.dump" in refusal.value.hint
    assert not (tmp_path / "ran").exists()
    load_sklearn(handler(), "model.joblib", trusted=True)
    assert (tmp_path / "ran").exists()


def test_the_estimator_comes_back_warm_and_without_workers(handler: Make, tmp_path: Path) -> None:
    forest = ensemble.RandomForestClassifier(5, n_jobs=-1, random_state=7)
    model = pipelines.make_pipeline(preprocessing.StandardScaler(), forest).fit(ROWS, KINDS)
    joblib.dump(model, tmp_path / "model.joblib")
    opened = load_sklearn(handler(), "model.joblib", trusted=True)
    assert opened.steps[1][1].n_jobs is None
    assert opened.predict(ROWS).tolist() == KINDS.tolist()
    opened = load_sklearn(handler(), "model.joblib", trusted=True, threads=2)
    assert opened.steps[1][1].n_jobs == 2


def test_another_version_of_scikit_learn_is_an_error(handler: Make, tmp_path: Path) -> None:
    model = linear.LogisticRegression().fit(ROWS, KINDS)
    state = model.__getstate__()

    def of_an_older_one(_: Any) -> Any:
        return state | {"_sklearn_version": "1.2.3"}

    model.__class__.__getstate__ = of_an_older_one
    try:
        joblib.dump(model, tmp_path / "model.joblib")
    finally:
        del model.__class__.__getstate__
    with pytest.raises(LoadError, match=r"was written by scikit-learn 1\.2\.3") as refusal:
        load_sklearn(handler(), "model.joblib", trusted=True)
    assert 'pin "scikit-learn==1.2.3"' in refusal.value.hint


def test_what_is_no_model_says_so(handler: Make, tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"nothing of the kind")
    with pytest.raises(LoadError, match=r"model\.joblib cannot be read"):
        load_sklearn(handler(), "model.joblib", trusted=True)
    with pytest.raises(LoadError, match="scikit-learn runs its models on the CPU only"):
        load_sklearn(handler(device="cuda"), "model.joblib", trusted=True)


def test_a_row_of_the_wrong_length_fails_in_the_warm_up(handler: Make, tmp_path: Path) -> None:
    joblib.dump(linear.LogisticRegression().fit(ROWS, KINDS), tmp_path / "model.joblib")
    with pytest.raises(LoadError, match="at a batch of 1 examples"):
        load_sklearn(handler(), "model.joblib", trusted=True, example=np.zeros(3))


def test_skops_files_are_read_without_trust_but_for_types_it_does_not_know(handler: Make, tmp_path: Path) -> None:
    skops: Any = pytest.importorskip("skops.io", reason="skops is not installed in this environment")
    skops.dump(linear.LogisticRegression().fit(ROWS, KINDS), tmp_path / "plain.skops")
    assert load_sklearn(handler(), "plain.skops").predict(ROWS).tolist() == KINDS.tolist()
    skops.dump(ensemble.RandomForestClassifier(2).fit(ROWS, KINDS), tmp_path / "forest.skops")
    with pytest.raises(LoadError, match=r"does not know: sklearn\.tree\._tree\.Tree"):
        load_sklearn(handler(), "forest.skops")
    knowing = load_sklearn(handler(), "forest.skops", trusted_types=["sklearn.tree._tree.Tree"])
    assert knowing.n_features_in_ == load_sklearn(handler(), "forest.skops", trusted=True).n_features_in_ == 2
