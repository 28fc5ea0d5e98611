"""mosec: one worker, its dynamic batching, standard-library JSON as it comes."""

import os
from typing import Any

import models
import numpy as np
from mosec import Server, Worker

WORKLOAD = os.environ["BENCH_WORKLOAD"]


class Predict(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.model = models.load(WORKLOAD)

    def deserialize(self, data: bytes) -> Any:
        return np.frombuffer(data, np.float32) if WORKLOAD == "w3b" else super().deserialize(data)["values"]

    def serialize(self, data: Any) -> bytes:
        return data.tobytes() if WORKLOAD == "w3b" else super().serialize(data)

    def forward(self, data: Any) -> Any:
        if not models.batched(WORKLOAD):
            return self.model([data])[0]
        results = self.model(data)
        return list(results) if WORKLOAD == "w3b" else results.tolist()


if __name__ == "__main__":
    server = Server()
    if models.batched(WORKLOAD):
        server.append_worker(Predict, num=1, max_batch_size=models.MAX_BATCH, max_wait_time=5)
    else:
        server.append_worker(Predict, num=1)
    server.run()
