"""XGBoost and LightGBM: boosted trees from the libraries' own formats, which hold no code."""

from pathlib import Path
from typing import Any

from modelway.errors import LoadError
from modelway.frameworks.needs import device_parts, first_line, framework, model_file, only_cpu, thread_count
from modelway.frameworks.warm_up import batch_sizes, run_warm
from modelway.handler import Handler

_XGBOOST_FORMATS = {".json", ".ubj"}


class XgboostModel:
    """A booster that is called like a function; it uses the rounds up to the best one, where training stopped early.

    Args:
        booster: The booster.
        on_gpu: Whether its trees are on a GPU.
    """

    def __init__(self, booster: Any, *, on_gpu: bool = False) -> None:
        self.booster = booster
        self.features = int(booster.num_features())
        self._xgboost = framework("xgboost")
        self._on_gpu = on_gpu
        best = booster.attr("best_iteration")
        self._rounds = (0, int(best) + 1) if best else (0, 0)

    def __call__(self, rows: Any) -> Any:
        """Predictions for rows (batch, features): as the objective has them, such as (batch, classes) of probabilities."""
        if self._on_gpu:  # rows that are not there yet are copied in one go
            return self.booster.predict(self._xgboost.DMatrix(rows), iteration_range=self._rounds)
        return self.booster.inplace_predict(rows, iteration_range=self._rounds)


class LightgbmModel:
    """A booster that is called like a function.

    Args:
        booster: The booster.
        threads: How many threads a call may use.
    """

    def __init__(self, booster: Any, threads: int) -> None:
        self.booster = booster
        self.features = int(booster.num_feature())
        self._threads = threads

    def __call__(self, rows: Any) -> Any:
        """Predictions for rows (batch, features), such as (batch, classes) of probabilities."""
        return self.booster.predict(rows, num_threads=self._threads)


def load_xgboost(handler: Handler, file: str, *, threads: int | None = None) -> XgboostModel:
    """Opens what `save_model` of a booster or of an `XGBClassifier` wrote.

    Args:
        handler: The handler: its files, device and batch sizes count.
        file: `.json` or `.ubj`.
        threads: Threads of a call; this process's share of the cores unless given.

    Raises:
        LoadError: File, device or threads cannot be used, or the first call fails.
    """
    xgboost = framework("xgboost")
    path = model_file(handler, file)
    _check_format(path)
    kind, number = device_parts(handler.device)
    if kind not in {"cpu", "cuda"} or (kind == "cuda" and not xgboost.build_info().get("USE_CUDA")):
        message = f"device '{handler.device}': this XGBoost {xgboost.__version__} is not built for it"
        raise LoadError(message, hint="install xgboost, not xgboost-cpu, or serve it with --device cpu")
    device = f"cuda:{number}" if kind == "cuda" else "cpu"
    booster = xgboost.Booster()
    try:
        booster.load_model(str(path))
        booster.set_param({"nthread": thread_count(handler, threads), "device": device})
    except xgboost.core.XGBoostError as error:
        message = f"{file} cannot be opened: {_reason(error)}"
        raise LoadError(message, hint="write it with model.save_model('model.ubj')") from error
    model = XgboostModel(booster, on_gpu=kind == "cuda")
    _warm_up(handler, model, model.features)
    return model


def load_lightgbm(handler: Handler, file: str, *, threads: int | None = None) -> LightgbmModel:
    """Opens what `save_model` of a booster (`classifier.booster_`) wrote: text.

    Args:
        handler: The handler: its files and batch sizes count. LightGBM predicts on the CPU only.
        file: The text file.
        threads: Threads of a call; this process's share of the cores unless given.

    Raises:
        LoadError: File, device or threads cannot be used, or the first call fails.
    """
    lightgbm = framework("lightgbm")
    only_cpu(handler, "LightGBM")
    path = model_file(handler, file)
    try:
        booster = lightgbm.Booster(model_file=str(path))
    except lightgbm.basic.LightGBMError as error:
        hint = "write it with model.booster_.save_model('model.txt'); a pickle is not read"
        raise LoadError(f"{file} cannot be opened: {first_line(error)}", hint=hint) from error
    model = LightgbmModel(booster, thread_count(handler, threads))
    _warm_up(handler, model, model.features)
    return model


def _check_format(path: Path) -> None:
    if path.suffix not in _XGBOOST_FORMATS:
        message = f"{path.name}: XGBoost's own formats end in .json or .ubj"
        raise LoadError(message, hint="write it with model.save_model('model.ubj'); a pickle is not read")


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "Check failed" in line or "Error" in line), first_line(error))
    return told.rpartition(": ")[2][:300] or first_line(error)


def _warm_up(handler: Handler, model: XgboostModel | LightgbmModel, features: int) -> None:
    numpy = framework("numpy")
    for size in batch_sizes(handler):
        rows = numpy.zeros((size, features), numpy.float32)
        run_warm(lambda rows=rows: model(rows), size)
