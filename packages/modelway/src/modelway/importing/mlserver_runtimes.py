"""How models of MLServer's runtimes are loaded without MLServer, by the class that `implementation` names."""

from typing import Any

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.importing.handler_text import ModelText
from modelway.importing.mlflow_flavors import lightgbm_booster
from modelway.importing.names import quoted
from modelway.importing.project_plan import MODEL_FOLDER
from modelway.importing.source_files import HINT, SourceFiles
from modelway.packaging.entry_path import path_problem, shown

# The files each runtime looks for where no uri is given: mlserver_sklearn/sklearn.py and so on.
_WELL_KNOWN = {
    "mlserver_sklearn.SKLearnModel": ("model.joblib", "model.pickle", "model.pkl"),
    "mlserver_xgboost.XGBoostModel": ("model.bst", "model.json", "model.ubj"),
    "mlserver_lightgbm.LightGBMModel": ("model.bst",),
}
KNOWN_RUNTIMES = frozenset(_WELL_KNOWN)
MLFLOW = "mlserver_mlflow.MLflowRuntime"
_ASKED = ("predict", "predict_proba", "transform")


def implementation_of(written: str) -> str:
    """The class as its distribution exports it: `mlserver_sklearn.sklearn.SKLearnModel` is the same as without the module."""
    parts = written.split(".")
    return f"{parts[0]}.{parts[-1]}" if parts[0].startswith("mlserver_") else written


def runtime_text(implementation: str, path: str, extra: dict[str, Any]) -> ModelText:
    """How the model in `path` is loaded and asked by one of `KNOWN_RUNTIMES`.

    Raises:
        InvalidPackageError: It is asked in a way the runtime does not have.
    """
    if implementation == "mlserver_sklearn.SKLearnModel":
        asked = extra.get("predict_fn", "predict")
        if asked not in _ASKED:
            message = f"extra.predict_fn: {shown(str(asked))}"
            raise InvalidPackageError(message, hint=f"one of {', '.join(_ASKED)}.")
        load = (f"self.model = joblib.load(self.files / {quoted(f'{MODEL_FOLDER}/{path}')})",)
        needs = ("joblib", "scikit-learn")
        return ModelText(imports=frozenset({"joblib"}), load=load, ask=f"self.model.{asked}(BATCH)", dependencies=needs)
    if implementation == "mlserver_lightgbm.LightGBMModel":
        return lightgbm_booster(path)
    # The runtime finds out by trying, too.
    file = f"self.files / {quoted(f'{MODEL_FOLDER}/{path}')}"
    load = (
        "try:",
        "    self.model = xgboost.XGBRegressor()",
        f"    self.model.load_model({file})",
        "except TypeError:  # it is a classifier",
        "    self.model = xgboost.XGBClassifier()",
        f"    self.model.load_model({file})",
    )
    needs = ("scikit-learn", "xgboost")
    return ModelText(imports=frozenset({"xgboost"}), load=load, ask="self.model.predict(BATCH)", dependencies=needs)


def model_file(implementation: str, uri: str, files: SourceFiles) -> str:
    """The model's file, or for MLflow its folder (empty: the whole source), inside the source.

    Raises:
        InvalidPackageError: It is elsewhere.
        NotFoundError: There is none.
    """
    if not uri:
        found = [path for path in _WELL_KNOWN.get(implementation, ()) if path in files.sizes]
        if found or implementation == MLFLOW:
            return found[0] if found else ""
        names = ", ".join(_WELL_KNOWN.get(implementation, ()))
        raise NotFoundError(f"no uri is given and none of {names} is there", hint="add parameters.uri.")
    if "://" in uri or uri.startswith("/"):
        message = f"parameters.uri: {shown(uri)} is not in the folder of model-settings.json"
        raise InvalidPackageError(message, hint="put the model beside model-settings.json and say `./` and its name.")
    path = "/".join(part for part in uri.split("/") if part not in {"", "."})
    if not path:
        return model_file(implementation, "", files)
    if problem := path_problem(path):
        raise InvalidPackageError(f"parameters.uri: {shown(uri)}: {problem}", hint=HINT)
    if path in files.sizes:
        return path
    inside = [each for each in files.sizes if each.startswith(f"{path}/")]
    if not inside:
        raise NotFoundError(f"parameters.uri: {shown(uri)} is not there", hint="add it, or correct the uri.")
    if implementation == MLFLOW:
        return path
    known = [f"{path}/{name}" for name in _WELL_KNOWN.get(implementation, ()) if f"{path}/{name}" in files.sizes]
    if not known:
        raise NotFoundError(f"parameters.uri: {shown(uri)} is a folder without a model", hint="name the file.")
    return known[0]
