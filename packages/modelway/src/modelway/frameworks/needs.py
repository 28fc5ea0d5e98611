"""What every loader asks for first: the framework, the file, a number of threads, and a device it can use."""

import importlib
import zipfile
from pathlib import Path
from typing import Any

from modelway.errors import LoadError
from modelway.handler import Handler

MOST_THREADS = 1024
_SHOWN = 8


def framework(module: str, distribution: str = "") -> Any:
    """The module of a framework, imported now.

    Raises:
        LoadError: It is not installed, or its import fails.
    """
    name = distribution or module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise LoadError(
            f"{name} is not installed", hint=f'add "{name}" to [project] dependencies and install it'
        ) from error
    except (ImportError, OSError) as error:
        hint = "its libraries do not fit this machine; see the traceback"
        raise LoadError(f"{name} cannot be imported: {error}", hint=hint) from error


def model_file(handler: Handler, name: str, *, folder: bool = False) -> Path:
    """A file of the package, or a folder.

    Raises:
        LoadError: It is not there; the message says what is.
    """
    path = handler.files / name
    if path.is_dir() if folder else path.is_file():
        return path
    if path.exists():
        wanted, found = ("folder", "file") if folder else ("file", "folder")
        raise LoadError(f"{name} is a {found}; a {wanted} is wanted", hint="name the right one")
    there = sorted(each.name for each in handler.files.iterdir()) if handler.files.is_dir() else []
    shown = ", ".join(there[:_SHOWN]) + (", …" if len(there) > _SHOWN else "")
    raise LoadError(
        f"there is no model file {name}; self.files has: {shown or 'nothing'}",
        hint=f'make it, and name it in [tool.modelway] files = ["{name}"], else it is not packaged',
    )


def zip_members(path: Path) -> tuple[str, ...]:
    """Names in a zip archive; none if it is no such archive."""
    if not zipfile.is_zipfile(path):
        return ()
    with zipfile.ZipFile(path) as archive:
        return tuple(archive.namelist())


def thread_count(handler: Handler, asked: int | None) -> int:
    """How many threads the model gets: what the loader was told, else this process's share of the cores.

    Raises:
        LoadError: Not a number of threads.
    """
    threads = handler.threads if asked is None else asked
    if not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= MOST_THREADS:
        hint = "leave it away for this process's share of the cores, or serve with --threads"
        raise LoadError(f"threads={threads!r}: a whole number from 1 to {MOST_THREADS}", hint=hint)
    return threads


def device_parts(device: str) -> tuple[str, int]:
    """`cuda:1` as `cuda` and 1; without a number it is the first.

    Raises:
        LoadError: It is no device.
    """
    kind, colon, number = device.partition(":")
    if not kind.isidentifier() or (colon and not number.isdecimal()):
        raise LoadError(f"device '{device}' is no device", hint="write it as cpu, cuda or cuda:1")
    return kind, int(number or "0")


def only_cpu(handler: Handler, name: str) -> None:
    """For frameworks that compute on the CPU, whatever they are told.

    Raises:
        LoadError: Another device was asked for, which would stand idle.
    """
    if device_parts(handler.device)[0] != "cpu":
        message = f"device '{handler.device}': {name} runs its models on the CPU only"
        raise LoadError(message, hint="serve it with --device cpu")


def refuse_pickle(name: str, what: str, instead: str) -> LoadError:
    """The error for a file that may run code while it is read and was not said to be trusted."""
    return LoadError(
        f"{name}: {what}, and reading it runs whatever code it holds",
        hint=f"{instead}; or pass trusted=True if you made the file yourself",
    )


def first_line(error: BaseException) -> str:
    """What an exception says, short enough for a message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"
