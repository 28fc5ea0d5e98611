"""What the gateway's metrics page says."""

import urllib.request

from journeys.running_platform import RunningPlatform


def metric(platform: RunningPlatform, name: str) -> float:
    """The sum over all samples of one metric."""
    with urllib.request.urlopen(f"{platform.gateway}/_/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)
