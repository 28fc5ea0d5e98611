"""TensorFlow: a Keras model or a SavedModel as one compiled function for every batch size, on the device, warm."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from modelway.errors import LoadError
from modelway.frameworks.needs import (
    device_parts,
    first_line,
    framework,
    model_file,
    refuse_pickle,
    thread_count,
    zip_members,
)
from modelway.frameworks.warm_up import warm_up
from modelway.handler import Handler


class TensorflowModel:
    """A compiled function that takes arrays and gives arrays.

    Args:
        function: Takes tensors as the model does.
        inputs: `TensorSpec`s in order; the first axis varies.
        names: What the inputs are passed as; empty: in order.
        device: TensorFlow's name of the device: `/CPU:0`.
        model: The model itself, for what the function does not do.
    """

    def __init__(self, function: Any, inputs: Sequence[Any], names: Sequence[str], device: str, model: Any) -> None:
        self.model = model
        self.device = device
        self.inputs = tuple(inputs)
        self._function = function
        self._names = tuple(names)
        self._tensorflow = framework("tensorflow")

    def __call__(self, *arrays: Any) -> Any:
        """The model's answer for inputs in its order: an array, or a mapping or sequence of arrays, as the model has it.

        Raises:
            TypeError: Not as many arrays as inputs.
        """
        if len(arrays) != len(self.inputs):
            raise TypeError(f"the model takes {len(self.inputs)} arrays, not {len(arrays)}")
        tensorflow = self._tensorflow
        with tensorflow.device(self.device):
            tensors = [
                tensorflow.cast(tensorflow.convert_to_tensor(each), spec.dtype)
                for each, spec in zip(arrays, self.inputs, strict=True)
            ]
            answer = (
                self._function(**dict(zip(self._names, tensors, strict=True)))
                if self._names
                else self._function(*tensors)
            )
        return _arrays(answer)


def load_tensorflow(
    handler: Handler,
    name: str,
    *,
    signature: str = "serving_default",
    example: Any = None,
    threads: int | None = None,
    trusted: bool = False,
) -> TensorflowModel:
    """Opens a model of TensorFlow for serving.

    Args:
        handler: The handler: its files, device and batch sizes count.
        name: A `.keras` file, or the folder of a SavedModel (`model.export(...)`); `.h5` with `trusted`.
        signature: Which signature of a SavedModel is called.
        example: One item, without the axis of the batch (a tuple for several inputs), for the warm-up; zeros of the model's own
            shapes unless given, where only the batch varies in these.
        threads: Threads within an operation; this process's share of the cores unless given. TensorFlow fixes it when it starts,
            so a second model of the process cannot have another.
        trusted: Reads Lambda layers and `.h5` files, which run code while they are read.

    Raises:
        LoadError: File, device or threads cannot be used, or the first call fails.
    """
    tensorflow = framework("tensorflow")
    path = model_file(handler, name, folder=not Path(name).suffix)
    _set_threads(tensorflow, thread_count(handler, threads))
    device = _device(tensorflow, handler.device)
    with tensorflow.device(device):
        model = (
            _saved_model(tensorflow, path, signature, device)
            if path.is_dir()
            else _keras(tensorflow, path, device, trusted=trusted)
        )
    if example is None and all(_only_batch_varies(each) for each in model.inputs):
        numpy = framework("numpy")
        example = tuple(numpy.zeros(each.shape[1:], each.dtype.as_numpy_dtype) for each in model.inputs)
    if example is not None:
        warm_up(handler, model, example)
    return model


def _keras(tensorflow: Any, path: Path, device: str, *, trusted: bool) -> TensorflowModel:
    keras = framework("keras")
    if keras.backend.backend() != "tensorflow":
        message = f"Keras runs on {keras.backend.backend()} here"
        raise LoadError(message, hint="set KERAS_BACKEND=tensorflow for the model server, or leave it unset")
    if path.suffix != ".keras" and not trusted:
        instead = "write it with model.save('model.keras')"
        raise refuse_pickle(path.name, "Keras reads it without its safe mode", instead)
    if path.suffix == ".keras" and "config.json" not in zip_members(path):
        raise LoadError(f"{path.name} is no Keras file", hint="write it with model.save('model.keras')")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=not trusted)
    except Exception as error:  # a wrong file raises whatever its layers do
        text = f"{path.name} cannot be opened: {type(error).__name__}: {first_line(error)}"
        hint = "pass trusted=True if you made the file yourself" if "Lambda" in str(error) else ""
        raise LoadError(text, hint=hint or "register the classes of your own layers before it is opened") from error
    model.trainable = False
    specs = [
        tensorflow.TensorSpec((None, *each.shape[1:]), each.dtype, name=f"input_{number}")
        for number, each in enumerate(model.inputs)
    ]

    def answer(*tensors: Any) -> Any:
        return model(tensors[0] if len(tensors) == 1 else list(tensors), training=False)

    compiled = tensorflow.function(answer, input_signature=specs)
    return TensorflowModel(compiled, specs, (), device, model)


def _saved_model(tensorflow: Any, path: Path, signature: str, device: str) -> TensorflowModel:
    try:
        model = tensorflow.saved_model.load(str(path))
    except (OSError, ValueError, RuntimeError) as error:
        hint = "write it with model.export('folder') or tf.saved_model.save"
        raise LoadError(f"{path.name} is no SavedModel: {first_line(error)}", hint=hint) from error
    if signature not in model.signatures:
        there = ", ".join(model.signatures) or "none"
        raise LoadError(f"{path.name} has no signature '{signature}'", hint=f"its signatures: {there}")
    function = model.signatures[signature]
    named: Mapping[str, Any] = function.structured_input_signature[1]
    return TensorflowModel(function, tuple(named.values()), tuple(named), device, model)


def _set_threads(tensorflow: Any, threads: int) -> None:
    settings = tensorflow.config.threading
    if settings.get_intra_op_parallelism_threads() == threads:
        return
    try:
        settings.set_intra_op_parallelism_threads(threads)
        settings.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        message = f"threads={threads}: TensorFlow has started in this process with another number"
        raise LoadError(message, hint="load all its models with the same, and call nothing of it before") from error


def _device(tensorflow: Any, device: str) -> str:
    kind, number = device_parts(device)
    gpus = tensorflow.config.list_physical_devices("GPU")
    if kind == "cpu":
        return "/CPU:0"
    if kind != "cuda" or number >= len(gpus):
        built = tensorflow.test.is_built_with_cuda()
        found = f"finds {len(gpus)} GPUs" if built else "is built without CUDA"
        message = f"device '{device}': TensorFlow {tensorflow.__version__} {found}"
        raise LoadError(message, hint='install "tensorflow[and-cuda]", or serve it with --device cpu')
    try:
        tensorflow.config.experimental.set_memory_growth(gpus[number], True)  # else it takes all memory at once
    except RuntimeError as error:
        raise LoadError("TensorFlow has started in this process", hint="call nothing of it before") from error
    return f"/GPU:{number}"


def _only_batch_varies(spec: Any) -> bool:
    return spec.shape.rank is not None and spec.shape.rank > 0 and None not in spec.shape[1:].as_list()


def _arrays(value: Any) -> Any:
    if isinstance(value, Mapping):
        arrays = {key: _arrays(each) for key, each in cast("Mapping[Any, Any]", value).items()}
        return next(iter(arrays.values())) if len(arrays) == 1 else arrays
    if isinstance(value, tuple | list):
        return [_arrays(each) for each in cast("list[Any]", value)]
    return value.numpy() if hasattr(value, "numpy") else value
