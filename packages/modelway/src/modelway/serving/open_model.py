"""From the name of a handler to a model that has answered its golden examples, in whichever process it shall run."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelway.errors import HandlerError, ModelwayError
from modelway.handler import Handler
from modelway.packaging import Example, difference, import_handler
from modelway.serving.answer import Answer
from modelway.serving.loading import LoadedHandler
from modelway.serving.settings import Target
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.steps.apart import StepsApart
from modelway.signature import BoundHandler, bind


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready, and how long its own code took."""

    ready: LoadedHandler
    bound: BoundHandler
    seconds: float


def read_handler(target: Target) -> BoundHandler:
    """Import the handler and read its signature.

    Raises:
        ModelwayError: It cannot be served; the cause is chained.
    """
    handler_class = import_handler(Path(target.code), target.handler)
    if not issubclass(handler_class, Handler):
        raise HandlerError(f"{target.handler} is no modelway.Handler", hint="derive the class from modelway.Handler")
    return bind(handler_class)


def load(bound: BoundHandler, target: Target, device: str, threads: int = 0, apart: StepsApart | None = None) -> Loaded:
    """Load the model.

    Raises:
        ModelwayError: It cannot be; the cause is chained.
    """
    started = time.perf_counter()
    try:
        ready = LoadedHandler(bound.handler(), Path(target.files), device, threads=threads, apart=apart)
    except ModelwayError:
        raise
    except BaseException as error:
        raise HandlerError(
            f"{target.handler} cannot be loaded: {type(error).__name__}: {error}", hint="see the traceback"
        ) from error
    return Loaded(ready, bound, time.perf_counter() - started)


async def answer_examples(target: Target, dispatcher: Dispatcher, names: list[str]) -> None:
    """Ready means: the golden examples were answered, by the code that answers callers.

    Raises:
        HandlerError: One was not, or not as expected.
    """
    for where, example, body in _examples(target, names):
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        dispatcher.submit(example.endpoint, body, done.set_result)
        _judge(where, example, await done)


def answer_examples_here(target: Target, dispatcher: Dispatcher, names: list[str], settle: Callable[[], None]) -> None:
    """The same where no event loop runs; `settle` lets the dispatcher's lane run until it has nothing left.

    Raises:
        HandlerError: One was not answered, or not as expected.
    """
    for where, example, body in _examples(target, names):
        answers: list[Answer] = []
        dispatcher.submit(example.endpoint, body, answers.append)
        settle()
        _judge(where, example, answers[0])


def _examples(target: Target, names: list[str]) -> Iterator[tuple[str, Example, bytes]]:
    for number, example in enumerate(target.examples, start=1):
        where = f"golden example {number} ({example.endpoint})"
        if example.endpoint not in names:
            raise HandlerError(f"{where}: there is no such endpoint; endpoints: {', '.join(names)}")
        yield where, example, msgspec.json.encode(example.request)


def _judge(where: str, example: Example, answer: Answer) -> None:
    if answer.error is not None:
        raise HandlerError(f"{where}: {answer.error.message}") from answer.error.__cause__ or answer.error
    problem = ""
    if example.response is not None:
        problem = difference(example.response, msgspec.json.decode(answer.body), example.tolerance)
    if problem:
        raise HandlerError(f"{where}: {problem}", hint="correct the model or the example")
