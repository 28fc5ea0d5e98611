"""An unpacked TorchServe archive as something that can be asked: entry point found as TorchServe finds it (ts/model_loader.py)."""

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from modelway.adapters.rows import plain
from modelway.adapters.torchserve.context import ServeContext
from modelway.context import Context
from modelway.errors import HandlerError, InvalidHandlerError, InvalidInputError

LIBRARY = Path(__file__).parent / "library"
"""Where handlers find `ts` when TorchServe is not installed."""

EntryPoint = Callable[[Any, ServeContext], Any]


class ModelArchive:
    """A loaded archive.

    Args:
        folder: Its files, `MAR-INF/MANIFEST.json` among them.
        device: Where the model shall run: `cpu`, `cuda` or `cuda:1`.
        batch_size: Most requests in one call.
        config: What `model-config.yaml` said.

    Raises:
        InvalidHandlerError: It has no entry point.
    """

    def __init__(
        self, folder: Path, *, device: str = "cpu", batch_size: int = 1, config: Mapping[str, Any] | None = None
    ) -> None:
        manifest = json.loads((folder / "MAR-INF" / "MANIFEST.json").read_text(encoding="utf-8"))
        model = manifest["model"]
        self._context = ServeContext(
            name=model["modelName"],
            folder=str(folder),
            manifest=manifest,
            batch_size=batch_size,
            gpu=_gpu(device),
            config=dict(config or {}),
        )
        _make_importable(folder)
        module, _, function = model["handler"].partition(":")
        self._entry, initialize = _entry_point(_load(module, folder), function or "handle")
        initialize(self._context)

    def predict(self, requests: Sequence[Mapping[str, Any]], contexts: Sequence[Context]) -> list[Any]:
        """The handler's answers to requests, each what TorchServe would have handed over: `{"body": …}`.

        Raises:
            InvalidInputError: The handler refused one, with a status of 4xx.
            HandlerError: It failed, or gave another number of answers.
        """
        self._context.begin(contexts)
        try:
            answers: Any = self._entry([dict(each) for each in requests], self._context)
        except Exception as error:
            code = getattr(error, "error_code", None)  # ts.utils.util.PredictionException
            if isinstance(code, int) and 400 <= code < 500:
                raise InvalidInputError(str(getattr(error, "message", error))) from error
            raise
        if not isinstance(answers, list) or len(cast("list[Any]", answers)) != len(requests):
            raise HandlerError(f"the handler gave {_described(answers)} for {len(requests)} requests")
        for code, phrase in self._context.statuses:
            if code >= 500:
                raise HandlerError(f"the handler set status {code}: {phrase}")
            if code >= 400:  # raised for the batch, which is then halved until it is one request's alone
                raise InvalidInputError(phrase or f"refused with status {code}")
        return [plain(each) for each in cast("list[Any]", answers)]


def _described(answers: Any) -> str:
    return f"{len(cast('list[Any]', answers))} answers" if isinstance(answers, list) else f"a {type(answers).__name__}"


def _gpu(device: str) -> int | None:
    kind, _, index = device.partition(":")
    return None if kind == "cpu" else int(index or 0)


def _make_importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if str(LIBRARY) not in sys.path:
        sys.path.append(str(LIBRARY))  # last: TorchServe itself, where it is installed, comes first


def _load(handler: str, folder: Path) -> ModuleType:
    name = handler.removesuffix(".py").split("/")[-1]
    file = folder / f"{name}.py"
    if not file.is_file():
        return importlib.import_module(f"ts.torch_handler.{name}")
    known = sys.modules.get(name)
    if known is None or getattr(known, "__file__", None) == str(file):
        return importlib.import_module(name)
    # The name is taken, as by the handler.py of the project itself.
    spec = importlib.util.spec_from_file_location(f"archive_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _entry_point(module: ModuleType, function: str) -> tuple[EntryPoint, Callable[[ServeContext], Any]]:
    entry: Any = getattr(module, function, None)
    if entry is not None:
        return entry, lambda context: entry(None, context)
    classes = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__]
    if len(classes) != 1:
        names = ", ".join(each.__name__ for each in classes) or "none"
        message = f"{module.__name__}: needs a function {function}(data, context) or exactly one class, has {names}"
        raise InvalidHandlerError(
            message, hint="move the other classes to a module of their own, as TorchServe wants it."
        )
    service: Any = classes[0]()
    for method in ("initialize", "handle"):
        if not hasattr(service, method):
            raise InvalidHandlerError(f"{classes[0].__name__} has no {method}()", hint="add it.")
    return service.handle, service.initialize
