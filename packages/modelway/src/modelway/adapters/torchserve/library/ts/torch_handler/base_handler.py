"""Stands in for `ts.torch_handler.base_handler`: what a handler inherits where it defines nothing of its own."""

import importlib
import inspect
from pathlib import Path
from typing import Any

from modelway.adapters.torchserve.context import ServeContext


def _torch() -> Any:
    # Only who does not load a model of another kind needs it.
    return importlib.import_module("torch")


class BaseHandler:
    """Loads a model of PyTorch (TorchScript, or a state dictionary with the module that defines its class) or ONNX."""

    def __init__(self) -> None:
        self.model: Any = None
        self.mapping: dict[str, str] | None = None
        self.device: Any = None
        self.initialized = False
        self.context: Any = None
        self.model_pt_path: str | None = None
        self.manifest: Any = None
        self.map_location: str | None = None
        self.explain = False
        self.target = 0

    def initialize(self, context: ServeContext) -> None:
        """Loads the model.

        Raises:
            RuntimeError: The archive has no weights of a known kind.
        """
        torch = _torch()
        properties: dict[str, Any] = context.system_properties
        self.model_yaml_config = context.model_yaml_config
        gpu = properties.get("gpu_id")
        self.map_location = "cuda" if gpu is not None and torch.cuda.is_available() else "cpu"
        self.device = torch.device(f"cuda:{gpu}" if self.map_location == "cuda" else "cpu")
        self.manifest = context.manifest
        folder = Path(properties["model_dir"])
        model = self.manifest["model"]
        self.model_pt_path = str(folder / model["serializedFile"]) if "serializedFile" in model else None
        if model.get("modelFile"):
            self.model = self._load_pickled_model(str(folder), model["modelFile"], self.model_pt_path)
            self.model.to(self.device)
            self.model.eval()
        elif self.model_pt_path and self.model_pt_path.endswith(".pt"):
            self.model = self._load_torchscript_model(self.model_pt_path)
            self.model.eval()
        elif self.model_pt_path and self.model_pt_path.endswith(".onnx"):
            providers = ["CUDAExecutionProvider"] if self.map_location == "cuda" else []
            runtime: Any = importlib.import_module("onnxruntime")
            self.model = runtime.InferenceSession(self.model_pt_path, providers=[*providers, "CPUExecutionProvider"])
        else:
            raise RuntimeError("no model weights could be loaded: the archive has neither a .pt nor a .onnx file")
        labels: Any = importlib.import_module("ts.utils.util")
        self.mapping = labels.load_label_mapping(str(folder / "index_to_name.json"))
        self.initialized = True

    def _load_torchscript_model(self, model_pt_path: str) -> Any:
        return _torch().jit.load(model_pt_path, map_location=self.device)

    def _load_pickled_model(self, model_dir: str, model_file: str, model_pt_path: str | None) -> Any:
        if not (Path(model_dir) / model_file).is_file():
            raise RuntimeError(f"{model_file} is missing")
        module = importlib.import_module(model_file.split(".", maxsplit=1)[0])
        own = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__]
        if len(own) != 1:
            raise ValueError(f"{model_file}: expected one class, found {len(own)}")
        model: Any = own[0]()
        if model_pt_path:
            model.load_state_dict(_torch().load(model_pt_path, map_location=self.device))
        return model

    def preprocess(self, data: Any) -> Any:
        return _torch().as_tensor(data, device=self.device)

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        with _torch().inference_mode():
            return self.model(data.to(self.device), *args, **kwargs)

    def postprocess(self, data: Any) -> Any:
        return data.tolist()

    def handle(self, data: Any, context: ServeContext) -> Any:
        """The three stages in turn."""
        self.context = context
        return self.postprocess(self.inference(self.preprocess(data)))
