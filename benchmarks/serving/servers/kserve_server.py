"""KServe's Python server: v1 JSON, the Open Inference binary form for W3b, gRPC for the others; it has no batcher."""

import logging
import os
from typing import Any

import kserve
import models
import numpy as np

WORKLOAD = os.environ["BENCH_WORKLOAD"]


class Predict(kserve.Model):
    def __init__(self) -> None:
        super().__init__("model")
        self.model = models.load(WORKLOAD)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        if isinstance(payload, dict):
            results = self.model(payload["instances"])
            return {"predictions": results.tolist() if hasattr(results, "tolist") else results}
        results = np.asarray(self.model(payload.inputs[0].as_numpy()), np.float32)
        output = kserve.InferOutput("output", list(results.shape), "FP32")
        output.set_data_from_numpy(results, binary_data=True)
        return kserve.InferResponse(payload.id or "1", "model", [output], use_binary_outputs=True)


if __name__ == "__main__":
    logging.disable(logging.INFO)  # a line per request, otherwise several
    kserve.ModelServer(
        http_port=int(os.environ["BENCH_PORT"]),
        grpc_port=int(os.environ["BENCH_GRPC_PORT"]),
        workers=1,
        enable_latency_logging=False,
    ).start([Predict()])
