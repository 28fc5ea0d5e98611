"""The soak in its short form: a platform under load of every kind keeps nothing of requests, and who does is found."""

from pathlib import Path

import pytest
from journeys.soak.growth import LONG, SHORT, Bounds, growths, problems
from journeys.soak.processes import Held, Sample
from journeys.soak.run import soak

MIB = 1 << 20
LEAK = 8192


@pytest.mark.journey
@pytest.mark.timeout(300)
def test_only_what_leaks_is_found(tmp_path: Path) -> None:
    """The first version keeps 8 KiB of each request; everything else is as it always is, and must not be blamed."""
    result = soak(tmp_path, seconds=10, requests=2000, every=0.3, pause=0.001, leak=LEAK)
    assert not result.unexplained
    for kind in ("count", "gRPC", "say 202"):
        assert any(each.startswith(kind) for each in result.answers), result.answers
    print(f"soak: {result.samples[-1].requests} requests, {result.answers}")
    found = problems(result.samples, SHORT)
    assert [each for each in found if each.startswith("replica speaker-v1")], (
        found,
        growths(result.samples, SHORT.warm),
    )
    assert not [each for each in found if not each.startswith("replica speaker-v1")]


def sample(number: int, *, each: float = 0.0, threads: int = 4, descriptors: int = 20, segments: int = 3) -> Sample:
    """A gateway that keeps `each` bytes of a hundred requests per sample."""
    held = Held(50 * MIB + int(number * 100 * each), threads, descriptors)
    return Sample(number * 100, {"gateway 1": held, "watcher 2": Held(30 * MIB, 2, 9)}, segments, 0)


@pytest.mark.parametrize(("each", "blamed"), [(0, False), (300, False), (2000, True)])
def test_bytes_of_each_request(each: float, *, blamed: bool) -> None:
    found = problems([sample(number, each=each) for number in range(100)], SHORT)
    assert found == (["gateway 1 keeps 2000 bytes of each request"] if blamed else [])


def test_what_is_given_back_is_no_growth() -> None:
    """More and more often something is held for a moment, as a collector does that has more to do."""
    samples = [sample(number) for number in range(100)]
    for number in (22, *range(90, 96)):
        samples[number].processes["gateway 1"] = Held(90 * MIB, 4, 20)
    assert problems(samples, LONG) == []


def test_a_share_of_memory() -> None:
    grown = [sample(number, each=500) for number in range(100)]
    (only,) = problems(grown, LONG)
    assert only.startswith("gateway 1 grew by 6."), only
    assert problems(grown, Bounds(warm=0.2, share=0.1, per_request=None, slack=0)) == []


def test_peaks_are_no_growth() -> None:
    samples = [sample(number) for number in range(100)]
    for number in (21, 95, 99):
        samples[number].processes["gateway 1"] = Held(90 * MIB, 40, 200)
    assert problems(samples, LONG) == []


def test_threads_descriptors_segments_and_ends() -> None:
    samples = [sample(number, threads=4 + number, descriptors=20 + number, segments=number) for number in range(100)]
    del samples[-1].processes["watcher 2"]
    threads, descriptors, ended, segments = problems(samples, LONG)
    assert threads.startswith("gateway 1 has 9")
    assert "descriptors" in descriptors
    assert ended == "watcher 2 has ended"
    assert "segments" in segments
