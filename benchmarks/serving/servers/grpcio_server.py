"""The gRPC floor: grpcio's asyncio server, bare, with the hand-written batcher."""

import asyncio
import os
from typing import Any

import grpc
import grpc.aio
import models
import numpy as np
import uvloop
from batcher import Batcher

from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse

WORKLOAD = os.environ["BENCH_WORKLOAD"]


class Service:
    """Its one method."""

    def __init__(self) -> None:
        self._model = models.load(WORKLOAD)
        self._batcher: Batcher | None = None

    async def infer(self, request: ModelInferRequest, context: Any) -> ModelInferResponse:
        row = np.frombuffer(request.raw_input_contents[0], np.float32)
        if models.batched(WORKLOAD):
            if self._batcher is None:
                self._batcher = Batcher(self._model)
            row = await asyncio.shield(self._batcher(row))  # a load generator leaves calls behind when its time is over
        answer = ModelInferResponse(model_name=request.model_name, id=request.id)
        answer.outputs.add(name="output", datatype="FP32", shape=[1, len(row)])
        answer.raw_output_contents.append(np.asarray(row, np.float32).tobytes())
        return answer


async def main() -> None:
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        Service().infer,
        request_deserializer=ModelInferRequest.FromString,
        response_serializer=ModelInferResponse.SerializeToString,
    )
    handlers = {"ModelInfer": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),))
    server.add_insecure_port(f"127.0.0.1:{os.environ['BENCH_GRPC_PORT']}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
