"""ONNX Runtime: a session with the provider of the device, its threads, and inputs checked by name and dtype."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelway.errors import LoadError
from modelway.frameworks.needs import device_parts, first_line, framework, model_file, thread_count
from modelway.frameworks.warm_up import warm_up
from modelway.handler import Handler

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_NUMPY = {"float": "float32", "double": "float64", "string": "object"}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of the graph: NumPy's name of its dtype, and its shape with None for what varies."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class OnnxModel:
    """A session that is called like a function.

    Args:
        session: The session.
        inputs: What it takes, in the graph's order.
        outputs: What is asked of it, in order.
    """

    def __init__(self, session: Any, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> None:
        self.session = session
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._names = [each.name for each in outputs]
        self._numpy = framework("numpy")

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        """The output as an array; several as a mapping by name.

        Arrays are inputs in the graph's order or by name. A float64 for a float32 is converted; a float for an integer is not.

        Raises:
            TypeError: An input is missing, unknown, given twice, or of a dtype that does not go into the graph's.
        """
        answers = self.session.run(self._names, self._feed(arrays, named))
        return answers[0] if len(answers) == 1 else dict(zip(self._names, answers, strict=True))

    def _feed(self, arrays: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(zip((each.name for each in self.inputs), arrays, strict=False))
        expected = {each.name: each for each in self.inputs}
        given.update({name: value for name, value in named.items() if name not in given})
        if len(given) != len(arrays) + len(named) or given.keys() != expected.keys():
            raise TypeError(f"the model takes {', '.join(expected)}; {len(arrays)} arrays and {list(named)} were given")
        return {name: self._array(value, expected[name]) for name, value in given.items()}

    def _array(self, value: Any, info: TensorInfo) -> Any:
        array = self._numpy.asarray(value)
        if array.dtype == info.dtype:
            return array
        if not self._numpy.can_cast(array.dtype, info.dtype, "same_kind"):
            raise TypeError(f"input {info.name}: {array.dtype} does not go into {info.dtype}")
        return array.astype(info.dtype)


def load_onnx(
    handler: Handler,
    file: str,
    *,
    outputs: Sequence[str] = (),
    example: Any = None,
    threads: int | None = None,
    options: Any = None,
) -> OnnxModel:
    """Opens an ONNX graph with onnxruntime.

    Args:
        handler: The handler: its files, device and batch sizes count.
        file: The `.onnx` file; data it keeps in files beside it is found there.
        outputs: Which outputs are wanted; all unless given.
        example: One item, without the axis of the batch (a tuple for several inputs), for the warm-up. Zeros of the graph's own
            shapes unless given, where only the batch varies in these.
        threads: Threads within an operation; this process's share of the cores unless given.
        options: An `onnxruntime.SessionOptions` to start from.

    Raises:
        LoadError: File, device, threads or an output's name cannot be used, or the first call fails.
    """
    runtime = framework("onnxruntime")
    path = model_file(handler, file)
    provider = _provider(runtime, handler.device)
    options = options if options is not None else runtime.SessionOptions()
    options.intra_op_num_threads = thread_count(handler, threads)
    options.inter_op_num_threads = 1
    session = _session(runtime, path, options, provider, handler.device)
    inputs = [_info(each) for each in session.get_inputs()]
    model = OnnxModel(session, inputs, _wanted(session, outputs, file))
    if example is None and all(_only_batch_varies(each) for each in inputs):
        numpy = framework("numpy")
        example = tuple(numpy.zeros(each.shape[1:], each.dtype) for each in inputs)
    if example is not None:
        warm_up(handler, model, example)
    return model


def _provider(runtime: Any, device: str) -> Any:
    kind, number = device_parts(device)
    if kind not in _PROVIDERS:
        raise LoadError(f"device '{device}': onnxruntime is served on cpu or cuda", hint="serve it with --device cpu")
    name, there = _PROVIDERS[kind], runtime.get_available_providers()
    if name not in there:
        hint = "install onnxruntime-gpu in place of onnxruntime (never both), or serve it with --device cpu"
        message = f"device '{device}': onnxruntime {runtime.__version__} has no {name}; it has {', '.join(there)}"
        raise LoadError(message, hint=hint)
    return (name, {"device_id": number}) if kind == "cuda" else name


def _session(runtime: Any, path: Any, options: Any, provider: Any, device: str) -> Any:
    wanted = provider if isinstance(provider, str) else provider[0]
    if wanted != "CPUExecutionProvider" and hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # CUDA's libraries as pip installs them
    # What a GPU has no kernel for runs on the CPU.
    providers = [provider] if wanted == "CPUExecutionProvider" else [provider, "CPUExecutionProvider"]
    try:
        session = runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # its exceptions have no base class of their own
        raise LoadError(f"{path.name} is no graph that onnxruntime can run: {first_line(error)}") from error
    if wanted not in session.get_providers():  # it would go on with the CPU and say so in its log only
        hint = "its CUDA and cuDNN libraries have to be installed in the versions it names in its log"
        raise LoadError(f"device '{device}': onnxruntime cannot start {wanted}", hint=hint)
    session.disable_fallback()
    return session


def _wanted(session: Any, names: Sequence[str], file: str) -> list[TensorInfo]:
    there = {each.name: _info(each) for each in session.get_outputs()}
    for name in names:
        if name not in there:
            raise LoadError(f"{file} has no output '{name}'", hint=f"outputs: {', '.join(there)}")
    return [there[name] for name in names or there]


def _info(value: Any) -> TensorInfo:
    inside: str = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(each if isinstance(each, int) else None for each in value.shape or ())
    return TensorInfo(name=value.name, dtype=_NUMPY.get(inside, inside), shape=shape)


def _only_batch_varies(info: TensorInfo) -> bool:
    return bool(info.shape) and info.shape[0] in {None, 1} and None not in info.shape[1:] and info.dtype != "object"
