"""scikit-learn: an estimator from a file that cannot run code (skops) or one that is trusted (joblib, pickle), for small requests."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelway.errors import LoadError
from modelway.frameworks.needs import (
    first_line,
    framework,
    model_file,
    only_cpu,
    refuse_pickle,
    thread_count,
    zip_members,
)
from modelway.frameworks.warm_up import batch_sizes, repeated, run_warm
from modelway.handler import Handler

_METHODS = ("predict", "predict_proba", "transform")


def load_sklearn(
    handler: Handler,
    file: str,
    *,
    example: Any = None,
    threads: int | None = None,
    trusted: bool = False,
    trusted_types: Iterable[str] = (),
) -> Any:
    """Opens an estimator or pipeline; what comes back is that itself.

    Its `n_jobs` is taken away unless `threads` is given: started for each request, workers cost more than they save.

    Args:
        handler: The handler: its files and batch sizes count.
        file: One of `skops.io.dump`, which is read without running anything; or of joblib or pickle, with `trusted`.
        example: One row for the warm-up; zeros unless given, where the estimator was fitted on an array.
        threads: Threads of BLAS and OpenMP; this process's share of the cores unless given.
        trusted: Reads a pickle, which runs the code in it; of a skops file, all types it names.
        trusted_types: Types a skops file may hold beside those skops knows, such as `handler.MyTransformer`.

    Raises:
        LoadError: The file cannot be used, was written by another scikit-learn, or the first call fails.
    """
    framework("sklearn", "scikit-learn")
    only_cpu(handler, "scikit-learn")
    path = model_file(handler, file)
    count = thread_count(handler, threads)
    with warnings.catch_warnings():
        mismatch = framework("sklearn.exceptions").InconsistentVersionWarning
        warnings.simplefilter("error", mismatch)
        try:
            model = (
                _skops(path, trusted, trusted_types) if "schema.json" in zip_members(path) else _joblib(path, trusted)
            )
        except mismatch as error:
            found, here = error.original_sklearn_version, error.current_sklearn_version
            message = f"{file} was written by scikit-learn {found}, and this is {here}"
            raise LoadError(message, hint=f'pin "scikit-learn=={found}" in [project] dependencies') from error
    framework("threadpoolctl").threadpool_limits(limits=count)
    _set_jobs(model, threads)
    _warm_up(handler, model, example)
    return model


def _skops(path: Path, trusted: bool, types: Iterable[str]) -> Any:  # noqa: FBT001 - private, named by its caller
    tools = framework("skops.io", "skops")
    unknown: list[str] = tools.get_untrusted_types(file=path)
    refused = [] if trusted else sorted(set(unknown) - set(types))
    if refused:
        hint = f"trusted_types={refused} if you know them, as they are imported and called"
        raise LoadError(f"{path.name} holds types that skops does not know: {', '.join(refused)}", hint=hint)
    return tools.load(path, trusted=unknown)


def _joblib(path: Path, trusted: bool) -> Any:  # noqa: FBT001 - private, named by its caller
    if not trusted:
        instead = "write it with skops.io.dump(model, 'model.skops')"
        raise refuse_pickle(path.name, "joblib and pickle files hold programs", instead)
    try:
        return framework("joblib").load(path)
    except Warning:
        raise
    except Exception as error:  # a pickle may raise anything
        raise LoadError(f"{path.name} cannot be read: {type(error).__name__}: {first_line(error)}") from error


def _set_jobs(model: Any, threads: int | None) -> None:
    if hasattr(model, "get_params"):
        names = [name for name in model.get_params() if name == "n_jobs" or name.endswith("__n_jobs")]
        model.set_params(**dict.fromkeys(names, threads))


def _warm_up(handler: Handler, model: Any, example: Any) -> None:
    if example is None:
        features = getattr(model, "n_features_in_", 0)
        if not features or hasattr(model, "feature_names_in_"):  # made for a table with named columns
            return
        example = framework("numpy").zeros(features)
    for size in batch_sizes(handler):
        batch = repeated(example, size)
        for name in _METHODS:
            if hasattr(model, name):
                run_warm(lambda name=name, batch=batch: getattr(model, name)(batch), size)
