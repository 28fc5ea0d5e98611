"""MLServer: a custom runtime in the server's process, its adaptive batching."""

import os

import models
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Predict(MLModel):
    async def load(self) -> bool:
        self.model = models.load(os.environ["BENCH_WORKLOAD"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        outputs = np.asarray(self.model(rows), np.float32)
        return InferenceResponse(
            model_name=self.name, id=payload.id, outputs=[NumpyCodec.encode_output("output", outputs)]
        )
