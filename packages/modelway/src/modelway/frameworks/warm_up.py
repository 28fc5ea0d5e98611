"""The first calls of a model are slow: memory is taken, kernels are chosen and compiled. They are made here, before any caller's."""

from collections.abc import Callable
from typing import Any, cast

from modelway.errors import LoadError
from modelway.frameworks.needs import first_line, framework
from modelway.handler import Handler, StageKind, stage_of


def batch_sizes(handler: Handler) -> tuple[int, ...]:
    """The sizes a handler's model meets: powers of two up to the largest `max_batch_size`, and that one; 1 without batching."""
    largest = 1
    for name in dir(type(handler)):
        stage = stage_of(getattr(type(handler), name, None))
        if stage is not None and stage.kind is StageKind.INFERENCE:
            largest = max(largest, stage.max_batch_size or 0)
    return tuple(sorted({*(1 << power for power in range(largest.bit_length())), largest}))


def repeated(item: Any, size: int) -> Any:
    """A batch of `size` equal items: an array with a new first axis."""
    numpy = framework("numpy")
    array = numpy.asarray(item)
    return numpy.broadcast_to(array, (size, *array.shape)).copy()


def warm_up(handler: Handler, call: Callable[..., object], example: Any) -> None:
    """Calls the model with the example at each batch size.

    Args:
        handler: Its marks say which sizes there are.
        call: The model.
        example: One item, without the axis of the batch; a tuple for a model of several inputs.

    Raises:
        LoadError: The model does not take the example.
    """
    items: tuple[Any, ...] = cast("tuple[Any, ...]", example) if isinstance(example, tuple) else (example,)
    for size in batch_sizes(handler):
        batch = [repeated(each, size) for each in items]
        run_warm(lambda batch=batch: call(*batch), size)


def run_warm(call: Callable[[], object], size: int) -> None:
    """One such call, with a batch of `size`.

    Raises:
        LoadError: It failed.
    """
    try:
        call()
    except LoadError:
        raise
    except Exception as error:
        message = f"the model fails at a batch of {size} examples: {type(error).__name__}: {first_line(error)}"
        raise LoadError(message, hint="does the example have the shape and dtype of one item?") from error
