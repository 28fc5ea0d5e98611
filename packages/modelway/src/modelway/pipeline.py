"""Several models behind one handler: a `Pipeline` whose endpoints call steps, written as plain `async def`."""

from collections.abc import Awaitable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Protocol, Self, TypeVar, overload

from modelway.errors import HandlerError
from modelway.handler import ENDPOINT_PATTERN, Handler

T = TypeVar("T")
MAX_REMOTE_CONCURRENCY = 256
MAX_STEP_PROCESSES = 64


class StepCaller(Protocol):
    """Calls the steps of a pipeline that is loaded; the server and `modelway.testing` provide it."""

    async def call(self, step: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """The step's answer for the request under way."""
        ...


class StepCall:
    """A step of a loaded pipeline: `await self.detect(image=image)`."""

    __slots__ = ("_name", "_pipeline")

    def __init__(self, pipeline: "Pipeline", name: str) -> None:
        self._pipeline = pipeline
        self._name = name

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The step's answer.

        Raises:
            StepError: The step's own code failed, or a deployed model did not answer as it should.
            ModelwayError: The step refused its input, is overloaded, or the time is over.
        """
        caller = self._pipeline.step_caller
        if caller is None:
            raise HandlerError(
                f"step '{self._name}' is called before the pipeline is loaded",
                hint="call steps from endpoints; in tests go through modelway.testing.Client",
            )
        return await caller.call(self._name, arguments, named)


class DeclaredStep:
    """What both kinds of steps have in common: the endpoint they call, and the name they are declared under."""

    def __init__(self, endpoint: str) -> None:
        if endpoint and not ENDPOINT_PATTERN.fullmatch(endpoint):
            raise ValueError(f"endpoint '{endpoint}' of a step cannot be the name of an endpoint")
        self.endpoint = endpoint
        self.name = ""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, pipeline: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, pipeline: "Pipeline", owner: type[Any]) -> StepCall: ...
    def __get__(self, pipeline: "Pipeline | None", owner: type[Any]) -> Self | StepCall:
        return self if pipeline is None else StepCall(pipeline, self.name)


class Step(DeclaredStep):
    """A handler in the pipeline's own process, or in processes of its own; declarations of one handler with the same files share one instance.

    Args:
        handler: Its class, which may be a pipeline itself.
        files: Sub-folder of the pipeline's `files` that is the handler's; all of them unless given.
        endpoint: Which of its endpoints; may be left out where it has one.
        processes: How many processes of its own it gets, which its calls are spread over; 0: it runs in the pipeline's.
    """

    def __init__(self, handler: type[Handler], *, files: str = "", endpoint: str = "", processes: int = 0) -> None:
        super().__init__(endpoint)
        path = PurePosixPath(files)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"Step(files={files!r}): a folder below the pipeline's own files")
        if not 0 <= processes <= MAX_STEP_PROCESSES:
            raise ValueError(f"Step(processes={processes}): 0 to {MAX_STEP_PROCESSES}")
        self.handler = handler
        self.processes = processes
        self.files = "" if files in {"", "."} else str(path)


class RemoteStep(DeclaredStep):
    """A deployed model, asked through the gateway (`PIPELINE_GATEWAY_URL`, `PIPELINE_KEY`), which finds its replicas.

    Args:
        model: `project/model`, or `project/model/version`.
        endpoint: Which of its endpoints.
        max_concurrency: How many calls of one worker are under way at a time; further ones wait.
    """

    def __init__(self, model: str, *, endpoint: str = "predict", max_concurrency: int = 32) -> None:
        super().__init__(endpoint)
        if len(model.split("/")) not in {2, 3} or not all(model.split("/")):
            raise ValueError(f"RemoteStep({model!r}): a model is named PROJECT/MODEL or PROJECT/MODEL/VERSION")
        if not 1 <= max_concurrency <= MAX_REMOTE_CONCURRENCY:
            raise ValueError(f"RemoteStep(max_concurrency={max_concurrency}): 1 to {MAX_REMOTE_CONCURRENCY}")
        self.model = model
        self.max_concurrency = max_concurrency


class Pipeline(Handler):
    """A handler whose endpoints call other models.

        class ReadPage(Pipeline):
            detect = Step(Detector, files="detector")
            classify = Step(Classifier, files="classifier")

            @inference
            async def read(self, image: NDArray[np.float32]) -> list[str]:
                boxes = await self.detect(image=image)
                return await together(self.classify(crop=cut(image, box)) for box in boxes)

    It is served, packaged and tested like any handler. `load` runs when all steps are loaded.
    """

    step_caller: StepCaller | None = None
    """Set by whoever loads the pipeline."""


def steps_of(pipeline: type[Pipeline]) -> dict[str, DeclaredStep]:
    """Its steps by name, those of base classes first."""
    found: dict[str, DeclaredStep] = {}
    for owner in reversed(pipeline.__mro__):
        for name, member in vars(owner).items():
            found.pop(name, None)
            if isinstance(member, DeclaredStep):
                found[name] = member
    return found


async def together(*calls: Awaitable[T] | Iterable[Awaitable[T]]) -> list[T]:
    """Answers of calls that run side by side, in their order; when one fails, the others are stopped and it is raised.

    Args:
        calls: Calls of steps, or iterables of them: `together(self.a(x=1), self.b(x=1))`, `together(self.a(x=x) for x in xs)`.
    """
    import asyncio  # noqa: PLC0415 - the SDK is imported where no loop ever runs, and asyncio is slow to import

    flat: list[Awaitable[T]] = []
    for call in calls:
        if isinstance(call, Awaitable):
            flat.append(call)
        else:
            flat += call
    tasks = [asyncio.ensure_future(call) for call in flat]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.gather(*left, return_exceptions=True)
