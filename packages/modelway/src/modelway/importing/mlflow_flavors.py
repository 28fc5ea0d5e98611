"""How the model of an MLmodel file is loaded: by its own library where the file says all that needs, else by MLflow."""

import re
from dataclasses import dataclass
from typing import Any

from modelway.errors import InvalidPackageError
from modelway.importing.handler_text import ModelText
from modelway.importing.names import quoted
from modelway.importing.outcome import Item, carried, changed, left
from modelway.importing.project_plan import MODEL_FOLDER
from modelway.importing.source_files import HINT, SourceFiles
from modelway.importing.structured_text import list_at, object_at, text_at

_METHOD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_CLASS = re.compile(r"xgboost\.(?:sklearn|core)\.([A-Za-z]\w*)", re.ASCII)
_OTHERS = ("pytorch", "tensorflow", "keras", "transformers", "onnx", "spark", "catboost", "statsmodels", "prophet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    """The way chosen.

    Args:
        name: MLflow's word for it.
        model: Its source text.
        native: Whether MLflow is not needed to load it.
        items: What is to be said.
    """

    name: str
    model: ModelText
    native: bool
    items: tuple[Item, ...]


def choose_flavor(model: dict[str, Any], files: SourceFiles, *, settings: bool, tensors: bool) -> Flavor:
    """The flavour by which the model will be loaded.

    Args:
        model: The MLmodel document.
        files: The model's folder.
        settings: Whether it takes parameters, which only MLflow's own function understands.
        tensors: Whether it takes an array without a name.

    Raises:
        InvalidPackageError: It has none that can be carried over.
    """
    flavors = object_at(model, "flavors", "MLmodel")
    function = object_at(flavors, "python_function", "MLmodel: flavors")
    if not settings and not function.get("code"):
        method = text_at(function, "predict_fn", "MLmodel: python_function", "predict")
        if not _METHOD.fullmatch(method):
            raise InvalidPackageError(f"MLmodel: predict_fn: {method[:80]!r} is no method", hint=HINT)
        for name, read in (("sklearn", _sklearn), ("xgboost", _xgboost), ("lightgbm", _lightgbm)):
            found = read(object_at(flavors, name, "MLmodel: flavors"), files, method) if name in flavors else None
            if found:
                return Flavor(name=name, model=found, native=True, items=_said(flavors, name, native=True))
        if "onnx" in flavors and tensors and (found := _onnx(object_at(flavors, "onnx", "MLmodel"), files)):
            return Flavor(name="onnx", model=found, native=True, items=_said(flavors, "onnx", native=True))
    if not function:
        known = ", ".join(sorted(flavors)) or "none"
        message = f"MLmodel: no python_function flavour, by which any model is asked (flavours: {known})"
        raise InvalidPackageError(
            message, hint="save it again with MLflow's own save_model, or write a handler by hand."
        )
    name = next((each for each in _OTHERS if each in flavors), "python_function")
    return Flavor(name=name, model=_function(settings=settings), native=False, items=_said(flavors, name, native=False))


def _said(flavors: dict[str, Any], name: str, *, native: bool) -> tuple[Item, ...]:
    if native:
        how = f"loaded by {name} itself; MLflow is not needed where it runs"
        items = [carried(f"flavor {name}", how)]
    else:
        items = [changed(f"flavor {name}", "loaded by mlflow.pyfunc, from mlflow-skinny, which has no server in it")]
    others = sorted(each for each in flavors if each not in {name, "python_function"})
    items += [
        left(f"flavor {each}", "one way to load a model is enough", "nothing, unless you load it so") for each in others
    ]
    return tuple(items)


def _file(flavor: dict[str, Any], key: str, files: SourceFiles) -> str:
    path = text_at(flavor, key, "MLmodel: flavors")
    if path not in files.sizes:
        raise InvalidPackageError(f"MLmodel: {key}: {path[:80]!r} is not in the folder", hint=HINT)
    return path


def _path(path: str) -> str:
    return f"self.files / {quoted(f'{MODEL_FOLDER}/{path}')}"


def _sklearn(flavor: dict[str, Any], files: SourceFiles, method: str) -> ModelText | None:
    if flavor.get("code"):
        return None
    path = _file(flavor, "pickled_model", files)
    how = text_at(flavor, "serialization_format", "MLmodel: sklearn", "cloudpickle")
    if how == "skops":
        trusted = [each for each in list_at(flavor, "skops_trusted_types", "MLmodel: sklearn") if isinstance(each, str)]
        load = (f"self.model = skops.io.load({_path(path)}, trusted={trusted!r})",)
        imports, needs = frozenset({"skops.io"}), ("scikit-learn", "skops")
    elif how in {"cloudpickle", "pickle"}:
        load = (f'with ({_path(path)}).open("rb") as file:', f"    self.model = {how}.load(file)")
        imports, needs = frozenset({how}), ("scikit-learn", *(["cloudpickle"] if how == "cloudpickle" else []))
    else:
        return None
    return ModelText(imports=imports, load=load, ask=f"self.model.{method}(BATCH)", dependencies=needs)


def _xgboost(flavor: dict[str, Any], files: SourceFiles, method: str) -> ModelText | None:
    return _boosted(text_at(flavor, "model_class", "MLmodel: xgboost"), _file(flavor, "data", files), method)


def _lightgbm(flavor: dict[str, Any], files: SourceFiles, method: str) -> ModelText | None:
    path, kind = _file(flavor, "data", files), text_at(flavor, "model_class", "MLmodel: lightgbm")
    if path.endswith(".pkl"):
        load = (f'with ({_path(path)}).open("rb") as file:', "    self.model = cloudpickle.load(file)")
        needs = ("lightgbm", "scikit-learn", "cloudpickle")
        return ModelText(
            imports=frozenset({"cloudpickle"}), load=load, ask=f"self.model.{method}(BATCH)", dependencies=needs
        )
    return lightgbm_booster(path) if kind in {"", "lightgbm.basic.Booster"} else None


def lightgbm_booster(path: str) -> ModelText:
    """LightGBM's own text file."""
    load = (f"self.model = lightgbm.Booster(model_file={_path(path)})",)
    needs = ("lightgbm",)
    return ModelText(imports=frozenset(needs), load=load, ask="self.model.predict(BATCH)", dependencies=needs)


def _boosted(kind: str, path: str, method: str) -> ModelText | None:
    """XGBoost's own files: `kind` is the class that wrote them; None for one we do not know."""
    match = _CLASS.fullmatch(kind)
    if not match:
        return None
    load = (f"self.model = xgboost.{match[1]}()", f"self.model.load_model({_path(path)})")
    booster = match[1] == "Booster"
    ask = "self.model.predict(xgboost.DMatrix(BATCH))" if booster else f"self.model.{method}(BATCH)"
    needs = ("xgboost",) if booster else ("xgboost", "scikit-learn")
    return ModelText(imports=frozenset({"xgboost"}), load=load, ask=ask, dependencies=needs)


def _onnx(flavor: dict[str, Any], files: SourceFiles) -> ModelText | None:
    path = _file(flavor, "data", files)
    load = (
        'providers = ["CUDAExecutionProvider"] if self.device.startswith("cuda") else []',
        f'self.model = onnxruntime.InferenceSession({_path(path)}, providers=[*providers, "CPUExecutionProvider"])',
        "self.name = self.model.get_inputs()[0].name",
        "self.answers = [each.name for each in self.model.get_outputs()]",
    )
    ask = "dict(zip(self.answers, self.model.run(None, {self.name: BATCH}), strict=True))"
    return ModelText(imports=frozenset({"onnxruntime"}), load=load, ask=ask, dependencies=("onnxruntime",))


def _function(*, settings: bool) -> ModelText:
    ask = "self.model.predict(BATCH, params=params)" if settings else "self.model.predict(BATCH)"
    load = (f"self.model = mlflow.pyfunc.load_model(str(self.files / {quoted(MODEL_FOLDER)}))",)
    return ModelText(imports=frozenset({"mlflow.pyfunc"}), load=load, ask=ask, dependencies=("mlflow-skinny",))
