"""Opens models of the usual frameworks as a server needs them: on the right device, warm, and without code in their files.

    class Digits(Handler):
        def load(self) -> None:
            self.model = load_torch(self, "weights.safetensors", Network(), example=np.zeros(64, np.float32))

        @inference(max_batch_size=64)
        def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
            return self.model(batch)

A framework is imported when its loader is called, and belongs to the project's dependencies, not to the SDK's.
"""

from modelway.frameworks.boosted_trees import LightgbmModel, XgboostModel, load_lightgbm, load_xgboost
from modelway.frameworks.onnx_model import OnnxModel, TensorInfo, load_onnx
from modelway.frameworks.sklearn_model import load_sklearn
from modelway.frameworks.tensorflow_model import TensorflowModel, load_tensorflow
from modelway.frameworks.torch_model import TorchModel, load_torch
from modelway.frameworks.transformers_model import TransformersModel, load_transformers

__all__ = [
    "LightgbmModel",
    "OnnxModel",
    "TensorInfo",
    "TensorflowModel",
    "TorchModel",
    "TransformersModel",
    "XgboostModel",
    "load_lightgbm",
    "load_onnx",
    "load_sklearn",
    "load_tensorflow",
    "load_torch",
    "load_transformers",
    "load_xgboost",
]
