"""PyTorch: weights into a module (or a whole exported program), on the device, in eval and inference mode, warm."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
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


class TorchModel:
    """A module that takes arrays and gives arrays; tensors and plain numbers are taken, too.

    Args:
        module: What is called.
        device: Where it is; inputs are moved there, results come back.
        dtype: What floating-point inputs become; None leaves them.
    """

    def __init__(self, module: Any, device: Any, dtype: Any = None) -> None:
        self.module = module
        self.device = device
        self.dtype = dtype
        self._torch = framework("torch")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The module's answer, with arrays in the place of tensors, in whatever it puts them: tuples, lists, mappings."""
        with self._torch.inference_mode():
            answer = self.module(
                *(self.tensor(each) for each in inputs), **{name: self.tensor(each) for name, each in named.items()}
            )
        return self.array(answer)

    def tensor(self, value: Any) -> Any:
        """An array, number or list as a tensor on the device; anything that is none stays as it is."""
        torch = self._torch
        if not isinstance(value, torch.Tensor):
            if hasattr(value, "flags"):  # an array; one that must not be written (a request's own bytes) stays so
                value = torch.as_tensor(value if value.flags.writeable else value.copy())
            elif isinstance(value, int | float | list):
                value = torch.as_tensor(value)
            else:
                return value
        dtype = self.dtype if self.dtype is not None and value.is_floating_point() else value.dtype
        return value.to(self.device, dtype)

    def array(self, value: Any) -> Any:
        """Tensors as arrays; what NumPy has no dtype for (bfloat16) as float32."""
        torch = self._torch
        if isinstance(value, torch.Tensor):
            value = value.detach()
            return (value.float() if value.dtype == torch.bfloat16 else value).cpu().numpy()
        if isinstance(value, Mapping):
            return {key: self.array(each) for key, each in cast("Mapping[Any, Any]", value).items()}
        if isinstance(value, tuple | list):
            parts = [self.array(each) for each in cast("list[Any]", value)]
            return tuple(parts) if isinstance(value, tuple) else parts
        return value


def load_torch(
    handler: Handler,
    file: str,
    model: Any = None,
    *,
    example: Any = None,
    dtype: str = "",
    compiled: bool = False,
    threads: int | None = None,
    trusted: bool = False,
) -> TorchModel:
    """Opens a model of PyTorch for serving.

    Args:
        handler: The handler: its files, device and batch sizes count.
        file: `.safetensors` or a state dict (`torch.save(module.state_dict(), ...)`), both for `model`; or a program that needs
            no class: one of `torch.export.save` (`.pt2`) or TorchScript.
        model: The module the weights are for.
        example: One item of what the model is called with, without the axis of the batch (a tuple for several inputs): the
            model is called with it before any caller, at each batch size.
        dtype: Weights and floating-point inputs become this, such as `bfloat16`.
        compiled: Runs it through `torch.compile`; the warm-up is then what compiles.
        threads: Threads within an operation; this process's share of the cores unless given.
        trusted: Reads a pickle of whole objects, which runs the code in it.

    Raises:
        LoadError: File, device, dtype or threads cannot be used; weights do not fit; the first call fails.
    """
    torch = framework("torch")
    path = model_file(handler, file)
    device = torch_device(torch, handler.device)
    wanted = _dtype(torch, dtype)
    torch.set_num_threads(thread_count(handler, threads))
    if compiled and example is None:
        raise LoadError("compiled=True without an example", hint="pass example=, else the first caller waits")
    module = _open(torch, path, model, trusted)
    module = module.to(device) if wanted is None else module.to(device, wanted)
    if path.suffix != ".pt2":  # an exported program was put into eval mode before it was exported
        module.eval()
    for weights in module.parameters():  # TorchScript cannot do it in one go
        weights.requires_grad_(requires_grad=False)
    ready = TorchModel(torch.compile(module, dynamic=True) if compiled else module, device, wanted)
    if example is not None:
        warm_up(handler, ready, example)
    return ready


def torch_device(torch: Any, name: str) -> Any:
    """The device, if this machine has it.

    Raises:
        LoadError: It is not there; the message says why.
    """
    kind, number = device_parts(name)
    missing = ""
    if kind == "cuda":
        missing = _no_cuda(torch, number)
    elif kind == "mps":
        missing = "" if torch.backends.mps.is_available() else "PyTorch has no MPS here"
    elif kind != "cpu":
        missing = "PyTorch is served on cpu, cuda or mps"
    if missing:
        raise LoadError(f"device '{name}': {missing}", hint="serve it with --device cpu, or where that device is")
    return torch.device(name)


def _no_cuda(torch: Any, number: int) -> str:
    if not torch.cuda.is_available():
        version, built = torch.__version__, torch.version.cuda or torch.version.hip
        return f"PyTorch {version} finds no GPU" if built else f"PyTorch {version} is built without CUDA"
    count = torch.cuda.device_count()
    return "" if number < count else f"this process sees {count} GPU{'s' if count > 1 else ''}, counted from 0"


def _dtype(torch: Any, name: str) -> Any:
    found: Any = getattr(torch, name, None) if name else None
    if name and not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise LoadError(f"dtype '{name}' is none of PyTorch's for weights", hint="float32, float16 or bfloat16")
    return found


def _open(torch: Any, path: Path, model: Any, trusted: bool) -> Any:  # noqa: FBT001 - private, named by its caller
    if path.suffix == ".safetensors":
        return _safetensors(path, model)
    members = zip_members(path)
    if path.suffix == ".pt2":
        if not members:
            raise LoadError(f"{path.name} is no exported program", hint="write it with torch.export.save")
        return torch.export.load(path).module()
    if any(name.endswith("/constants.pkl") for name in members):
        return torch.jit.load(str(path), map_location="cpu")
    return _saved(torch, path, model, trusted)


def _safetensors(path: Path, model: Any) -> Any:
    tools = framework("safetensors.torch")
    if model is None:
        raise LoadError(f"{path.name} holds weights only", hint="pass the module they are for: model=Network()")
    try:
        tools.load_model(model, str(path))
    except framework("safetensors").SafetensorError as error:
        raise LoadError(f"{path.name} is no whole safetensors file: {first_line(error)}") from error
    except RuntimeError as error:
        raise _do_not_fit(path, error) from error
    return model


def _saved(torch: Any, path: Path, model: Any, trusted: bool) -> Any:  # noqa: FBT001 - private, named by its caller
    try:
        found = torch.load(path, map_location="cpu", weights_only=not trusted)
    except UnpicklingError as error:
        if not zip_members(path):
            message = f"{path.name} is no file of PyTorch's"
            raise LoadError(message, hint="write it with safetensors.torch.save_model or torch.save") from error
        instead = "save weights alone: safetensors.torch.save_model(model, 'weights.safetensors')"
        raise refuse_pickle(path.name, "holds Python objects beside tensors", instead) from error
    except (EOFError, RuntimeError, ValueError) as error:
        raise LoadError(f"{path.name} cannot be read: {first_line(error)}") from error
    if isinstance(found, torch.nn.Module):
        return found
    if model is None:
        raise LoadError(f"{path.name} holds weights only", hint="pass the module they are for: model=Network()")
    try:
        model.load_state_dict(found)
    except (RuntimeError, TypeError) as error:
        raise _do_not_fit(path, error) from error
    return model


def _do_not_fit(path: Path, error: Exception) -> LoadError:
    lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
    reason = "; ".join(lines[:4]) or first_line(error)
    return LoadError(f"the weights of {path.name} do not fit the module: {reason[:600]}", hint="is it the same class?")
