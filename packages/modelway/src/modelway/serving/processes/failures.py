"""Errors on their way between processes: the same class and words for the caller, the traceback for the log."""

import traceback

from modelway import errors
from modelway.errors import ModelwayError
from modelway.serving.processes.messages import Failure

_KINDS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ModelwayError)
}


class TracebackThereError(Exception):
    """The traceback of the process where something was raised, as text."""

    def __str__(self) -> str:
        return f"in the model process\n\n{self.args[0]}"


def write_failure(error: ModelwayError) -> Failure:
    """The error as a message."""
    kind = next(each.__name__ for each in type(error).__mro__ if _KINDS.get(each.__name__) is each)
    cause = error.__cause__
    return Failure(
        kind=kind,
        code=error.error_code,
        message=error.message,
        hint=error.hint,
        details=[dict(each) for each in error.details],
        cause=None if cause is None else (type(cause).__name__, _text(cause)),
        traceback="" if cause is None else "".join(traceback.format_exception(cause)),
    )


def read_failure(failure: Failure) -> ModelwayError:
    """The error again; its cause bears the name, the text and the traceback of what was raised."""
    error = _KINDS.get(failure.kind, ModelwayError)(
        failure.message, hint=failure.hint, code=failure.code, details=tuple(failure.details)
    )
    if failure.cause is not None:
        name, text = failure.cause
        # The class itself may not be known here, nor be made from its arguments; what is logged is its name and its words.
        cause: Exception = type(name, (Exception,), {"__module__": "builtins"})(text)
        cause.__cause__ = TracebackThereError(failure.traceback)
        error.__cause__ = cause
    return error


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as reason:  # noqa: BLE001 - a modeller's __str__ may fail, too
        return f"(its text cannot be had: {type(reason).__name__})"
