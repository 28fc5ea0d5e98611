"""A model class written for MLServer as something that can be asked; MLServer's own classes do the work."""

import asyncio
import importlib
from pathlib import Path
from typing import Any

from modelway.errors import HandlerError, InvalidInputError


class MLServerModel:
    """A loaded model, on an event loop of its own that lives as long as it does.

    Args:
        folder: Where `model-settings.json` is.

    Raises:
        HandlerError: The model says that it could not be loaded.
    """

    def __init__(self, folder: Path) -> None:
        settings_type: Any = importlib.import_module("mlserver.settings").ModelSettings
        self._types: Any = importlib.import_module("mlserver.types")
        settings: Any = settings_type.parse_file(str(folder / "model-settings.json"))
        self._refusal: Any = importlib.import_module("mlserver.errors").MLServerError
        self._loop = asyncio.new_event_loop()
        self._model: Any = settings.implementation(settings)
        if self._loop.run_until_complete(self._model.load()) is False:
            self.unload()
            raise HandlerError("the model's load() said that it is not ready")

    def infer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request of the Open Inference Protocol, both in JSON values.

        Raises:
            InvalidInputError: The request is none, or the model refuses it.
        """
        try:
            given = {name: value for name, value in request.items() if value is not None}
            asked = self._types.InferenceRequest.model_validate(given)
        except ValueError as error:
            raise InvalidInputError(f"not a request of the Open Inference Protocol: {_first(error)}") from error
        try:
            answer: Any = self._loop.run_until_complete(self._model.predict(asked))
        except self._refusal as error:
            if 400 <= getattr(error, "status_code", 500) < 500:
                raise InvalidInputError(str(error)) from error
            raise
        answer.id = answer.id or asked.id  # as its server does around the model
        return answer.model_dump(mode="json", exclude_none=True)

    def unload(self) -> None:
        """Lets the model go."""
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._model.unload())
            self._loop.close()


def _first(error: ValueError) -> str:
    errors: Any = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors()[0]
    return f"{'.'.join(str(each) for each in first['loc'])}: {first['msg']}"
