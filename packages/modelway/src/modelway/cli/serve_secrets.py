"""Variables whose values are in a file: for containers, whose own variables everybody may read who may ask their engine."""

import json
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, cast

from modelway.errors import InvalidRequestError

FILE_VARIABLE = "MODELWAY_SECRETS_FILE"


def take_secrets(environment: MutableMapping[str, str]) -> None:
    """Adds the variables of the file that the environment names, if it does, before the model's code can ask for them.

    Raises:
        InvalidRequestError: It is no file of texts by variable; the message has no value.
    """
    name = environment.get(FILE_VARIABLE, "")
    if not name:
        return
    try:
        told: Any = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None
    texts = isinstance(told, dict) and all(isinstance(each, str) for each in cast("dict[str, Any]", told).values())
    if not texts:
        raise InvalidRequestError(f"{FILE_VARIABLE}: {name} cannot be read as a JSON object of texts") from None
    environment.update(cast("Mapping[str, str]", told))
