"""How long a loaded handler takes for batches of growing size, and how much memory: the curve in a package's manifest."""

import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelway.packaging.manifest import Example, ProfilePoint
from modelway.testing import Client

SECONDS_PER_POINT = 0.5
MOST_RUNS = 50
LARGEST_BATCH = 1024


def profile_batches(client: Client, examples: Sequence[Example]) -> tuple[ProfilePoint, ...]:
    """One point per endpoint and batch size 1, 2, 4 … up to the endpoint's limit, from its first golden example."""
    points: list[ProfilePoint] = []
    for endpoint in client.signature.endpoints:
        example = next((each for each in examples if each.endpoint == endpoint.name), None)
        if example is not None and not endpoint.streaming:
            sizes = batch_sizes(endpoint.max_batch_size or 1)
            points += [_measure(client, example, size) for size in sizes]
    return tuple(points)


def batch_sizes(limit: int) -> Iterator[int]:
    """Powers of two below the limit, then the limit."""
    limit = min(limit, LARGEST_BATCH)
    size = 1
    while size < limit:
        yield size
        size *= 2
    yield limit


def _measure(client: Client, example: Example, size: int) -> ProfilePoint:
    requests = [example.request] * size
    client.call_many(example.endpoint, requests)  # buffers are made, kernels chosen
    taken: list[float] = []
    ends = time.perf_counter() + SECONDS_PER_POINT
    while len(taken) < MOST_RUNS and (not taken or time.perf_counter() < ends):
        started = time.perf_counter()
        client.call_many(example.endpoint, requests)
        taken.append(time.perf_counter() - started)
    return ProfilePoint(
        endpoint=example.endpoint,
        batch_size=size,
        seconds=round(statistics.median(taken), 6),
        peak_memory_bytes=_peak_memory(),
    )


def _peak_memory() -> int:
    """Of this process so far. On Linux `ru_maxrss` would be that of the process it was forked from, if larger."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
