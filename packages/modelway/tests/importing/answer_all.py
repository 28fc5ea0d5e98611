"""Runs in the environment of the other tools: asks imported projects, through the code that serves them, what the originals were asked."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from modelway.errors import ModelwayError
from modelway.testing import Client


def client(project: Path) -> Client:
    sys.modules.pop("handler", None)
    sys.path.insert(0, str(project))
    try:
        return Client(importlib.import_module("handler").Model, files=project)
    finally:
        sys.path.remove(str(project))


def answers(projects: Path, rows: list[list[float]]) -> dict[str, Any]:
    array, function = client(projects / "array"), client(projects / "function")
    own, counting = client(projects / "own"), client(projects / "counting")
    archive = client(projects / "iris-model")
    tensor = {"name": "x", "shape": [2], "datatype": "FP64", "data": [1.5, 3]}
    found = {
        "array": array.call_many("predict", [{"inputs": row} for row in rows]),
        "function": [
            function.call("predict", {"the_text": "four"}),
            function.call("predict", {"the_text": "four", "more": 5}),
        ],
        "counting": [counting.call("predictions", {"body": row}) for row in rows],
        "archive": archive.call_many("predictions", [{"body": row} for row in rows]),
        "raw": archive.call("raw", json.dumps(rows[0]).encode(), content_type="application/octet-stream"),
        "own": own.call("infer", {"id": "7", "inputs": [tensor]}),
    }
    for name, asked, endpoint, request in (
        ("archive_refuses", archive, "predictions", {"body": [1, 2]}),
        ("own_refuses", own, "infer", {"inputs": [{**tensor, "shape": [5], "data": [1, 2, 3, 4, 5]}]}),
        ("own_rejects", own, "infer", {"inputs": [{"name": "x"}]}),
    ):
        try:
            found[name] = asked.call(endpoint, request)
        except ModelwayError as error:
            found[name] = [error.error_code, error.message]
    own.handler.unload()
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    asked = json.loads(Path(sys.argv[2]).read_text())
    sys.stdout.write(json.dumps(answers(folder, asked["rows"])) + "\n")
