"""Runs in the environment of the other tools: makes real sources with them, and writes down what the originals answer."""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# (the libraries are not in the environment that is checked)

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

TORCHSERVE_HANDLER = """
import json
import os

import joblib
import numpy as np
from labels import NAMES
from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import PredictionException


class Iris(BaseHandler):
    def initialize(self, context):
        self.manifest = context.manifest
        folder = context.system_properties["model_dir"]
        self.model = joblib.load(os.path.join(folder, self.manifest["model"]["serializedFile"]))
        self.scale = context.model_yaml_config["handler"]["scale"]
        self.initialized = True

    def preprocess(self, data):
        rows = []
        for each in data:
            body = each.get("data") or each.get("body")
            if isinstance(body, (bytes, bytearray)):
                body = json.loads(body)
            if len(body) != 4:
                raise PredictionException("four numbers are needed", 400)
            rows.append(body)
        return np.array(rows) * self.scale

    def inference(self, data):
        return self.model.predict_proba(data)

    def postprocess(self, data):
        return [{"label": NAMES[row.argmax()], "scores": row} for row in data]
"""
FUNCTION_HANDLER = """
import joblib

model = None


def handle(data, context):
    global model
    if data is None:
        model = joblib.load(context.system_properties["model_dir"] + "/model.joblib")
        return None
    context.metrics.add_counter("Requests", len(data))
    return [int(model.predict([each["body"]])[0]) for each in data]
"""
NEEDS = [
    "mlflow==3.17.2",
    "scikit-learn==1.9.1",
    "pandas==3.1.1",
    "skops==0.16.0",
]  # given, as finding out takes seconds
MLSERVER_CLASS = """
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse


class Doubling(MLModel):
    async def load(self) -> bool:
        self.factor = 2
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        values = NumpyCodec.decode_input(payload.inputs[0])
        if values.size > 4:
            raise InferenceError("too many")
        output = NumpyCodec.encode_output("doubled", values * self.factor)
        return InferenceResponse(model_name=self.name, outputs=[output])
"""


class Longest(mlflow.pyfunc.PythonModel):
    def load_context(self, context: Any) -> None:
        self.factor = int(Path(context.artifacts["factor"]).read_text())

    def predict(self, context: Any, model_input: Any, params: Any = None) -> list[int]:
        return [len(text) * self.factor + (params or {}).get("more", 0) for text in model_input["the text"]]


def make(folder: Path) -> None:
    warnings.simplefilter("ignore")
    frame, labels = load_iris(return_X_y=True, as_frame=True)
    by_name = LogisticRegression(max_iter=500).fit(frame, labels)
    plain = LogisticRegression(max_iter=500).fit(frame.to_numpy(), labels)
    rows = frame.to_numpy()[[0, 60, 120]].tolist()
    mlflow.sklearn.save_model(
        by_name,
        folder / "frame",
        signature=infer_signature(frame, by_name.predict(frame)),
        input_example=frame.head(2),
        pip_requirements=NEEDS,
    )
    mlflow.sklearn.save_model(
        plain,
        folder / "array",
        signature=infer_signature(frame.to_numpy(), plain.predict_proba(frame.to_numpy())),
        input_example=frame.to_numpy()[:2],
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[*NEEDS, "cloudpickle"],
    )
    (folder / "factor.txt").write_text("3")
    mlflow.pyfunc.save_model(
        folder / "function",
        python_model=Longest(),
        artifacts={"factor": str(folder / "factor.txt")},
        signature=ModelSignature(
            Schema([ColSpec("string", "the text")]),
            Schema([ColSpec("long")]),
            ParamSchema([ParamSpec("more", "long", 0)]),
        ),
        input_example=(pd.DataFrame({"the text": ["a", "bb"]}), {"more": 1}),
        pip_requirements=["mlflow", "pandas"],
    )
    joblib.dump(plain, folder / "model.joblib")
    make_archives(folder)
    make_mlserver(folder)
    text = pd.DataFrame({"the text": ["four"]})
    function = mlflow.pyfunc.load_model(str(folder / "function"))
    answers = {
        "rows": rows,
        "columns": list(frame.columns),
        "frame": mlflow.pyfunc.load_model(str(folder / "frame"))
        .predict(pd.DataFrame(rows, columns=frame.columns))
        .tolist(),
        "array": mlflow.pyfunc.load_model(str(folder / "array")).predict(np.array(rows)).tolist(),
        "function": function.predict(text) + function.predict(text, params={"more": 5}),
        "scores": plain.predict_proba(np.array(rows)).tolist(),
        "labels": plain.predict(np.array(rows)).tolist(),
    }
    (folder / "answers.json").write_text(json.dumps(answers))


def make_archives(folder: Path) -> None:
    (folder / "handler.py").write_text(TORCHSERVE_HANDLER)
    (folder / "counting.py").write_text(FUNCTION_HANDLER)
    (folder / "labels.py").write_text('NAMES = ["setosa", "versicolor", "virginica"]\n')
    (folder / "needs.txt").write_text("numpy>=2\nscikit-learn\njoblib\n--extra-index-url https://example.invalid\n")
    (folder / "model-config.yaml").write_text(
        "minWorkers: 1\nmaxWorkers: 2\nbatchSize: 8\nmaxBatchDelay: 20\nresponseTimeout: 60\nhandler: {scale: 1.0}\n"
    )
    common = [sys.executable, "-m", "model_archiver.model_packaging", "--serialized-file", "model.joblib", "-v", "2.1"]
    for arguments in (
        ["--model-name", "Iris_Model", "--handler", "handler.py", "--extra-files", "labels.py", "-r", "needs.txt",
         "-c", "model-config.yaml"],
        ["--model-name", "counting", "--handler", "counting:handle"],
    ):  # fmt: skip
        subprocess.run([*common, *arguments], cwd=folder, check=True)


def make_mlserver(folder: Path) -> None:
    for name, settings in {
        "sklearn": {
            "name": "iris",
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "v0.1.0", "extra": {"predict_fn": "predict_proba"}},
            "inputs": [{"name": "measures", "datatype": "FP64", "shape": [-1, 4]}],
            "outputs": [{"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]}],
            "max_batch_size": 16,
            "max_batch_time": 0.01,
            "warm_workers": True,
        },
        "own": {"name": "doubling", "implementation": "doubling.Doubling", "parameters": {"uri": "./factor.txt"}},
        "of-mlflow": {
            "name": "served-frame",
            "implementation": "mlserver_mlflow.MLflowRuntime",
            "parameters": {"uri": "./frame"},
        },
    }.items():
        (folder / name).mkdir()
        (folder / name / "model-settings.json").write_text(json.dumps(settings))
    (folder / "sklearn" / "model.joblib").write_bytes((folder / "model.joblib").read_bytes())
    (folder / "own" / "doubling.py").write_text(MLSERVER_CLASS)
    (folder / "own" / "factor.txt").write_text("2")
    for file in (folder / "frame").iterdir():
        target = folder / "of-mlflow" / "frame" / file.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
