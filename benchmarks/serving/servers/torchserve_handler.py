"""TorchServe: its Java front end with one Python worker, its batching."""

import json
import os
import sys
from typing import Any

sys.path.insert(0, os.environ["BENCH_SERVERS"])

import models
import numpy as np

WORKLOAD = os.environ["BENCH_WORKLOAD"]
_state: dict[str, Any] = {}


def handle(data: Any, context: Any) -> Any:
    """The module-level handler: a list of requests in, a list of answers out."""
    if "model" not in _state:
        _state["model"] = models.load(WORKLOAD)
    if data is None:
        return None
    bodies = [each.get("body", each.get("data")) for each in data]
    if WORKLOAD == "w3b":
        results = _state["model"]([np.frombuffer(body, np.float32) for body in bodies])
        return [row.tobytes() for row in results]
    values = [(body if isinstance(body, dict) else json.loads(body))["values"] for body in bodies]
    results = _state["model"](values)
    return results.tolist() if hasattr(results, "tolist") else results
