"""Steps of a pipeline that run in processes of their own, as whoever loads the pipeline sees them."""

from typing import Protocol

from modelway.pipeline import Pipeline, Step
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.stages.elsewhere import Elsewhere
from modelway.signature import BoundHandler


class StepApart(Protocol):
    """One handler whose processes are ready."""

    @property
    def elsewhere(self) -> Elsewhere:
        """Where its batches go."""
        ...

    def attach(self, dispatcher: Dispatcher) -> None:
        """From now on, in the running loop, it takes those of this dispatcher."""
        ...

    def unload(self) -> None:
        """Let its processes unload and end; blocks."""
        ...


class StepsApart(Protocol):
    """Starts such processes."""

    def count(self, name: str, step: Step) -> int:
        """How many processes a step shall have; 0: it runs in the pipeline's own."""
        ...

    def open(self, name: str, step: Step, pipeline: Pipeline, bound: BoundHandler) -> StepApart:
        """Start those of a step and wait until they are ready; blocks.

        Raises:
            ModelwayError: Its model cannot be served.
        """
        ...
