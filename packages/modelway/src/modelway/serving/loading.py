"""A handler becomes ready, a pipeline with all its steps, and lets go again."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from modelway.errors import HandlerError, InvalidRequestError, ModelwayError
from modelway.handler import Handler
from modelway.pipeline import DeclaredStep, Pipeline, RemoteStep, Step, steps_of
from modelway.serving.cores import usable_cores
from modelway.serving.stage_clock import Batch
from modelway.serving.steps.apart import StepApart, StepsApart
from modelway.serving.steps.local_step import LoadedStep, LocalRun
from modelway.serving.steps.remote_step import RemoteRun
from modelway.serving.steps.step_calls import StepCalls, StepRun
from modelway.signature import BoundHandler, bind
from modelway.signature.bind_pipeline import step_endpoint


def not_loaded(bound: BoundHandler) -> Handler:
    """A handler that is not loaded nor even made, for what is read off it alone."""
    return object.__new__(bound.handler)


class LoadedHandler:
    """A loaded handler and, if it is a pipeline, its steps.

    Args:
        handler: The instance.
        files: What `self.files` is.
        device: What `self.device` is.
        instead: Handlers that stand in for steps, by the step's name.
        threads: What `self.threads` is; 0: as many as there are cores for this process.
        apart: Starts processes for steps that shall have their own; without it they run here.

    Raises:
        ModelwayError: A step cannot be loaded; the message names it.
        Exception: What the handler's own `load` raised.
    """

    def __init__(
        self,
        handler: Handler,
        files: Path,
        device: str,
        instead: Mapping[str, Handler] | None = None,
        *,
        threads: int = 0,
        apart: StepsApart | None = None,
    ) -> None:
        self._apart = apart
        self.handler = handler
        self.calls: StepCalls | None = None
        self._steps: dict[tuple[type[Handler], str], tuple[LoadedHandler | StepApart, LoadedStep]] = {}
        handler.files = files
        handler.device = device
        handler.threads = threads or usable_cores()
        try:
            if isinstance(handler, Pipeline):
                self._open(handler, instead or {})
            handler.load()
        except BaseException:
            with contextlib.suppress(Exception):
                self._unload_steps()
            raise

    def unload(self) -> None:
        """The handler first, then its steps."""
        try:
            self.handler.unload()
        finally:
            self._unload_steps()

    def _open(self, pipeline: Pipeline, instead: Mapping[str, Handler]) -> None:
        declared = steps_of(type(pipeline))
        for name in instead:
            if name not in declared:
                raise InvalidRequestError(f"there is no step '{name}'", hint=f"steps: {', '.join(declared)}")
        runs: dict[str, StepRun] = {}
        self.calls = StepCalls(runs)
        for name, step in declared.items():
            try:
                runs[name] = self._run(pipeline, name, step, instead.get(name))
            except ModelwayError as error:
                message = f"step '{name}': {error.message}"
                raise HandlerError(message, hint=error.hint) from error.__cause__ or error
            except Exception as error:
                message = f"step '{name}' cannot be loaded: {type(error).__name__}: {error}"
                raise HandlerError(message, hint="see the traceback") from error
        pipeline.step_caller = self.calls

    def _run(self, pipeline: Pipeline, name: str, step: DeclaredStep, instead: Handler | None) -> StepRun:
        if isinstance(step, RemoteStep) and instead is None:
            return RemoteRun(step)
        handler = type(instead) if instead is not None else step.handler if isinstance(step, Step) else Handler
        folder = step.files if isinstance(step, Step) else ""
        key = (handler, folder if instead is None else f"instead of {name}")
        if key not in self._steps:
            self._steps[key] = (
                self._open_apart(pipeline, name, step, self._apart)
                if isinstance(step, Step) and instead is None and self._apart and self._apart.count(name, step)
                else self._open_here(pipeline, name, instead or handler(), folder)
            )
        ready = self._steps[key][1]
        endpoint = step_endpoint(Step(handler, endpoint=step.endpoint), ready.signature, name)
        return LocalRun(ready, endpoint)

    def _open_here(
        self, pipeline: Pipeline, name: str, handler: Handler, folder: str
    ) -> "tuple[LoadedHandler, LoadedStep]":
        files = pipeline.files / folder
        loaded = LoadedHandler(handler, files, pipeline.device, threads=pipeline.threads, apart=self._apart)
        return loaded, LoadedStep(handler, bind(type(handler)), self._told(name))

    def _open_apart(self, pipeline: Pipeline, name: str, step: Step, apart: StepsApart) -> tuple[StepApart, LoadedStep]:
        bound = bind(step.handler)
        opened = apart.open(name, step, pipeline, bound)
        return opened, LoadedStep(not_loaded(bound), bound, self._told(name), opened)

    def _told(self, name: str) -> Callable[[Batch], None]:
        def batch_done(batch: Batch) -> None:
            if self.calls is not None and self.calls.observer is not None:
                self.calls.observer.step_batch(name, batch)

        return batch_done

    def _unload_steps(self) -> None:
        with contextlib.ExitStack() as stack:
            for loaded, _ in self._steps.values():
                stack.callback(loaded.unload)
            if self.calls is not None:
                stack.callback(self.calls.unload)
        self._steps.clear()
