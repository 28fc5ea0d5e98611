"""Ray Serve: one replica behind its proxy, its batching."""

import os
import signal
from typing import Any

import models
import numpy as np
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

WORKLOAD = os.environ["BENCH_WORKLOAD"]


@serve.deployment(num_replicas=1, max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0.5})
class Predict:
    def __init__(self) -> None:
        self.model = models.load(WORKLOAD)

    @serve.batch(max_batch_size=models.MAX_BATCH, batch_wait_timeout_s=models.WINDOW_SECONDS)
    async def together(self, items: list[Any]) -> list[Any]:
        return list(self.model(items))

    async def __call__(self, request: Request) -> Response:
        if WORKLOAD == "w3b":
            result = await self.together(np.frombuffer(await request.body(), np.float32))
            return Response(result.tobytes(), media_type="application/octet-stream")
        values = (await request.json())["values"]
        if not models.batched(WORKLOAD):
            return JSONResponse(self.model([values])[0])
        return JSONResponse((await self.together(values)).tolist())


if __name__ == "__main__":
    variables = {name: value for name, value in os.environ.items() if name.startswith("BENCH_")}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=os.environ["BENCH_FOLDER"],
        runtime_env={"env_vars": {**variables, "PYTHONPATH": os.environ["PYTHONPATH"]}},
    )
    http = {"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])}
    serve.start(http_options=http, logging_config={"enable_access_log": False})
    serve.run(Predict.bind(), route_prefix="/predict")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
