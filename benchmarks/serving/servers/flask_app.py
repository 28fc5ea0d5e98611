"""Flask behind gunicorn, threads, keep-alive; no batching."""

import os

import models
import numpy as np
from flask import Flask, Response, jsonify, request

WORKLOAD = os.environ["BENCH_WORKLOAD"]
app = Flask(__name__)
_model = models.load(WORKLOAD)


@app.post("/predict")
def predict() -> Response:
    if WORKLOAD == "w3b":
        row = np.frombuffer(request.get_data(), np.float32)
        return Response(_model(row[None])[0].tobytes(), mimetype="application/octet-stream")
    result = _model([request.get_json()["values"]])[0]
    return jsonify(result.tolist() if hasattr(result, "tolist") else result)
