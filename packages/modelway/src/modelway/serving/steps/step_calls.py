"""Calls of a pipeline's steps: finds the request under way, counts, and names the step in what goes wrong."""

import asyncio
from collections.abc import Mapping
from http.client import TOO_MANY_REQUESTS
from time import perf_counter
from typing import Any, Protocol, cast

from modelway.errors import (
    DeadlineExceededError,
    HandlerError,
    InvalidInputError,
    ModelwayError,
    OverloadedError,
    StepError,
    UnavailableError,
)
from modelway.serving.item import Item
from modelway.serving.observing.observation import Observation
from modelway.serving.stage_clock import Batch
from modelway.serving.stages.pipeline_stages import CURRENT
from modelway.serving.steps.seen_step import SeenStep

_CALLERS_BUSINESS = (InvalidInputError, OverloadedError, UnavailableError, DeadlineExceededError)
"""Their codes tell a caller what to do, whichever step they come from; all others would be misunderstood."""


class StepRun(Protocol):
    """One way to run a step."""

    async def run(self, arguments: tuple[Any, ...], named: Mapping[str, Any], request: Item) -> Any: ...
    def unload(self) -> None: ...


class StepObserver(Protocol):
    """Is told about steps; for metrics."""

    def step_done(self, step: str, seconds: float, *, failed: bool) -> None: ...
    def step_batch(self, step: str, batch: Batch) -> None: ...


class StepCalls:
    """The steps of one loaded pipeline.

    Args:
        runs: By the step's name.
    """

    def __init__(self, runs: Mapping[str, StepRun]) -> None:
        self._runs = runs
        self.observer: StepObserver | None = None
        self.observation: Observation | None = None

    async def call(self, step: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """The step's answer for the request under way.

        Raises:
            StepError: The step failed.
            ModelwayError: It refused its input, is overloaded or not ready, or the time is over.
        """
        request = CURRENT.get(None)
        if request is None:
            raise HandlerError(f"step '{step}' is called outside a request", hint="call steps from endpoints only")
        started = perf_counter()
        seen = None if request.trail is None or self.observation is None else SeenStep(self.observation, request, step)
        asked = request if seen is None else seen.asked
        try:
            value = await self._runs[step].run(arguments, named, asked)
        except asyncio.CancelledError:
            self._note(step, request, perf_counter() - started, failed=False)
            if seen is not None:
                seen.ended(asyncio.CancelledError())
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it names the step
            self._note(step, request, perf_counter() - started, failed=True)
            if seen is not None:
                seen.ended(error)
            failure = named_after(step, error)
            raise failure from failure.__cause__
        self._note(step, request, perf_counter() - started, failed=False)
        if seen is not None:
            seen.ended(None)
        return value

    def unload(self) -> None:
        """Let go of what calls need."""
        for run in self._runs.values():
            run.unload()

    def _note(self, step: str, request: Item, seconds: float, *, failed: bool) -> None:
        if self.observer is not None:
            self.observer.step_done(step, seconds, failed=failed)
        steps: dict[str, Any] = request.context.log_fields.setdefault("steps", {})
        before = cast("dict[str, Any]", steps.get(step, {"calls": 0, "seconds": 0.0}))
        steps[step] = {"calls": before["calls"] + 1, "seconds": round(before["seconds"] + seconds, 6)}
        errors = before.get("errors", 0) + failed
        if errors:
            steps[step]["errors"] = errors


def named_after(step: str, error: Exception) -> ModelwayError:
    """The error of a step as its pipeline's caller gets it; its cause is for the log."""
    if not isinstance(error, ModelwayError):
        failure: ModelwayError = StepError(
            f"step '{step}' could not be called: {type(error).__name__}",
            hint="the server's log has the reason under this request id",
            details=({"step": step},),
        )
        failure.__cause__ = error
        return failure
    message = f"step '{step}': {error.message}"
    details = ({"step": step, "code": error.error_code}, *error.details)
    if isinstance(error, _CALLERS_BUSINESS):
        # 429 would speak of the caller's own limits; those reached here are the pipeline's.
        code = "overloaded" if error.http == TOO_MANY_REQUESTS else error.error_code
        failure = type(error)(message, hint=error.hint, code=code, details=details)
    else:
        hint = error.hint if isinstance(error, HandlerError) else "the server's log has more under this request id"
        failure = StepError(message, hint=hint, details=details)
    failure.__cause__ = error.__cause__ or error
    return failure
