"""Which kind of hold an endpoint's declaration asks for."""

from modelway.serving.batching.adaptive_hold import AdaptiveHold
from modelway.serving.batching.hold import Hold, Holding
from modelway.signature import EndpointBinding


def hold_of(binding: EndpointBinding) -> Holding:
    """For an endpoint with `max_wait_ms`."""
    size = binding.max_batch_size or 1
    return AdaptiveHold(size) if binding.adaptive else Hold(size, binding.max_wait_seconds)
