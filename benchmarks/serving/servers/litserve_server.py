"""LitServe: one API process, one worker, `fast_queue`, its batching."""

import os
from typing import Any

import litserve
import models

WORKLOAD = os.environ["BENCH_WORKLOAD"]
TOGETHER = models.batched(WORKLOAD)


class Predict(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = models.load(WORKLOAD)

    def decode_request(self, request: dict[str, Any]) -> Any:
        return request["values"]

    def batch(self, inputs: list[Any]) -> list[Any]:
        return inputs

    def predict(self, x: Any) -> Any:
        return self.model(x).tolist() if TOGETHER else self.model([x])[0]

    def unbatch(self, output: Any) -> Any:
        return output

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"output": output}


if __name__ == "__main__":
    limits = {"max_batch_size": models.MAX_BATCH, "batch_timeout": models.WINDOW_SECONDS} if TOGETHER else {}
    server = litserve.LitServer(Predict(**limits), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
