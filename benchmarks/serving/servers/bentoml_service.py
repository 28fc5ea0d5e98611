"""BentoML: one worker, adaptive batching."""

import os

import bentoml
import models
import numpy as np

WORKLOAD = os.environ["BENCH_WORKLOAD"]


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Service:
    def __init__(self) -> None:
        self.model = models.load(WORKLOAD)

    if models.batched(WORKLOAD):

        @bentoml.api(batchable=True, max_batch_size=models.MAX_BATCH, max_latency_ms=10000)
        def predict(self, values: np.ndarray) -> np.ndarray:
            return self.model(values)
    else:

        @bentoml.api
        def predict(self, values: list[float]) -> list[float]:
            return self.model([values])[0]
