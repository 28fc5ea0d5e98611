"""PyTriton: Triton with a Python callable and its dynamic batcher."""

import os

import models
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

WORKLOAD = os.environ["BENCH_WORKLOAD"]
TOGETHER = models.batched(WORKLOAD)


def main() -> None:
    model = models.load(WORKLOAD)

    @batch
    def predict(values: np.ndarray) -> dict[str, np.ndarray]:
        return {"output": np.asarray(model(values), np.float32)}

    config = TritonConfig(
        http_port=int(os.environ["BENCH_PORT"]),
        grpc_port=int(os.environ["BENCH_GRPC_PORT"]),
        metrics_port=int(os.environ["BENCH_MORE_PORT"]),
        http_address="127.0.0.1",
        http_thread_count=8,
        log_verbose=0,
    )
    limits = ModelConfig(
        max_batch_size=models.MAX_BATCH,
        batcher=DynamicBatcher(max_queue_delay_microseconds=int(models.WINDOW_SECONDS * 1e6) if TOGETHER else 0),
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="model",
            infer_func=predict,
            inputs=[Tensor(name="values", dtype=np.float32, shape=(models.WIDTHS[WORKLOAD],))],
            outputs=[Tensor(name="output", dtype=np.float32, shape=(-1,))],
            config=limits,
        )
        triton.serve()


if __name__ == "__main__":
    main()
