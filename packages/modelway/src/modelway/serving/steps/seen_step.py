"""A call of a step, told to whoever sees the pipeline's requests."""

import asyncio

from modelway.errors import ModelwayError
from modelway.serving.item import Item, PlainItem
from modelway.serving.observing.observation import Observation
from modelway.serving.observing.trail import Ended


class SeenStep:
    """One call.

    Args:
        observation: Who sees it.
        request: The pipeline's request, which has a trail.
        step: The step's name.
    """

    __slots__ = ("_observation", "asked")

    def __init__(self, observation: Observation, request: Item, step: str) -> None:
        self._observation = observation
        assert request.trail is not None
        self.asked = PlainItem((), request.done, request.request_id, request.deadline, request.headers)
        """The request as the step gets it, with a trail of its own."""
        self.asked.above = request
        self.asked.trail = observation.begin_step(request.trail, step)

    def ended(self, error: BaseException | None) -> None:
        """It has its answer, has failed, or nobody waits any more."""
        assert self.asked.trail is not None
        status, code = _outcome(error)
        self._observation.end(self.asked.trail, Ended(status, code, self.asked.log_fields))


def _outcome(error: BaseException | None) -> tuple[int, str]:
    match error:
        case None:
            return 200, ""
        case ModelwayError():
            return error.http, error.error_code
        case asyncio.CancelledError():
            return 499, "client_left"
        case _:
            return 500, "step_failed"
