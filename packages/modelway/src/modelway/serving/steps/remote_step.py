"""A step that is a deployed model, asked through the gateway with what is left of the request's time."""

import asyncio
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from typing import Any

from modelway.client import CallOptions, ModelClient, RetryPolicy
from modelway.client.connection import Server, find_connection
from modelway.client.hang_up import HangUp
from modelway.errors import DeadlineExceededError
from modelway.pipeline import RemoteStep
from modelway.serving.item import Item

# The pipeline's own caller asks again; steps that did so as well would multiply what an overloaded model is asked.
_ONCE = RetryPolicy(tries=1)
_CARRIED = frozenset({b"traceparent", b"tracestate"})
"""W3C Trace Context; the request id is carried beside them."""


def gateway(environment: Mapping[str, str]) -> Server:
    """Where deployed models are asked: `PIPELINE_GATEWAY_URL`, `PIPELINE_KEY`, `PIPELINE_CA_FILE`, else as a client's.

    Names of their own, as a deployment's `env` cannot set the platform's `MODELWAY_…` variables.

    Raises:
        InvalidRequestError: An address or a key that cannot be used.
    """
    return find_connection(
        gateway_url=environment.get("PIPELINE_GATEWAY_URL", ""),
        key=environment.get("PIPELINE_KEY", ""),
        ca_file=environment.get("PIPELINE_CA_FILE", ""),
        environment=environment,
    ).gateway


class RemoteRun:
    """Calls one deployed model.

    Threads, as the SDK's client is a blocking one; a call that nobody waits for any more hangs up.

    Args:
        step: Which model.

    Raises:
        InvalidRequestError: Address or key in the environment cannot be used.
    """

    def __init__(self, step: RemoteStep) -> None:
        self._client = ModelClient(step.model, server=gateway(os.environ), retries=_ONCE)
        self._endpoint = step.endpoint
        self._threads = ThreadPoolExecutor(step.max_concurrency, thread_name_prefix=f"step-{step.name}")

    async def run(self, arguments: tuple[Any, ...], named: Mapping[str, Any], request: Item) -> Any:
        """The model's answer as JSON values.

        Raises:
            ModelwayError: As `ModelClient.call`.
        """
        if arguments:
            raise TypeError("is a deployed model and takes fields by name")
        hang_up = HangUp()
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers if name in _CARRIED}
        if request.trail is not None and request.trail.trace is not None:
            headers["traceparent"] = request.trail.trace.traceparent  # of the step, not of who asked the pipeline
        ask = partial(self._ask, named, headers, request, hang_up)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except asyncio.CancelledError:
            hang_up.now()
            raise

    def unload(self) -> None:
        """Close connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _ask(self, named: Mapping[str, Any], headers: dict[str, str], request: Item, hang_up: HangUp) -> Any:
        """On one of the threads; the time in the queue before counts, too."""
        seconds: float | None = None
        if request.deadline != inf:
            seconds = request.deadline - time.monotonic()
            if seconds <= 0:
                raise DeadlineExceededError("the time given was over before the model was asked")
        answer = self._client.ask(
            named,
            endpoint=self._endpoint,
            options=CallOptions(timeout=seconds, request_id=request.request_id, headers=headers),
            hang_up=hang_up,
        )
        return answer.value
