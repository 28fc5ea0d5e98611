"""Simulated weeks of a model's traffic with labelled anomalies; the same seed gives the same weeks.

Three weeks to learn from and one that is judged. Each model has its own level (a request per half a minute to fifty per second), shape of
day and week, growth, noise that lasts (not only chance), nightly or weekly batches, errors in bursts, latency that grows with load, a mix of
labels that changes over the day. Things that are no anomalies happen, too: single bad minutes, deploys that change latency a
little. Anomalies of each kind are of sizes that a person would want to know of, not of sizes that anything finds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_platform.domain.anomalies.features import number_bin
from modelway_platform.domain.anomalies.sample import LATENCY_BINS_PER_OCTAVE, Sample

MINUTES_PER_DAY, MINUTES_PER_WEEK = 1440, 10_080
LEARNED, JUDGED = 3, 1
MINUTES = (LEARNED + JUDGED) * MINUTES_PER_WEEK
START = 1_762_732_800  # a Monday, 2025-11-10
RATES = (0.03, 0.2, 1.0, 3.0, 10.0, 50.0)
BINS = np.arange(60, 190)
LABELS = tuple(str(each) for each in range(8))
KINDS = ("drop", "surge", "silence", "errors", "slower", "outputs", "inputs", "disagreement")
CAUSES = {
    "drop": "traffic", "surge": "traffic", "silence": "traffic", "errors": "errors", "slower": "latency",
    "outputs": "outputs", "inputs": "inputs", "disagreement": "mirror",
}  # fmt: skip
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Label:
    """An anomaly that was put in, by minutes since the beginning."""

    kind: str
    begin: int
    end: int

    @property
    def cause(self) -> str:
        return CAUSES[self.kind]


@dataclass(frozen=True, slots=True)
class Weeks:
    """What a model did, minute by minute, and what was put in."""

    rate: float
    requests: Whole
    failed: Whole
    refused: Whole
    latency: Whole
    compared: Whole
    disagreed: Whole
    outputs: Whole
    inputs: Whole
    input_names: tuple[str, ...]
    labels: tuple[Label, ...]

    def sample(self, begin: int, minutes: int) -> Sample:
        """Of some minutes."""
        part = slice(begin, begin + minutes)
        counts, outputs, inputs = (each[part].sum(axis=0) for each in (self.latency, self.outputs, self.inputs))
        return Sample(
            at=START + begin * 60,
            seconds=minutes * 60,
            requests=int(self.requests[part].sum()),
            refused=int(self.refused[part].sum()),
            failed=int(self.failed[part].sum()),
            latency={int(BINS[index]): int(counts[index]) for index in np.flatnonzero(counts)},
            compared=int(self.compared[part].sum()),
            disagreed=int(self.disagreed[part].sum()),
            outputs={"label": {LABELS[index]: int(outputs[index]) for index in np.flatnonzero(outputs)}},
            inputs={"size": {self.input_names[index]: int(inputs[index]) for index in np.flatnonzero(inputs)}},
        )


def simulate(seed: int, *, anomalies: int = 5) -> Weeks:
    """One model's weeks; with `anomalies=0` nothing is wrong in them."""
    random = np.random.default_rng(seed)
    rate = RATES[seed % len(RATES)] * random.uniform(0.7, 1.4)
    labels = _labels(random, anomalies, rate)
    expected = _expected(random, rate)
    factors = {kind: np.ones(MINUTES) for kind in KINDS}
    for label in labels:
        factors[label.kind][label.begin : label.end] = _size(random, label.kind)
    expected = expected * factors["drop"] * factors["surge"]
    blips = _blips(random)
    expected[factors["silence"] != 1] = 0.0
    expected[blips["silent"]] = 0.0
    requests = random.poisson(expected)
    failing = _error_rate(random) + (factors["errors"] - 1)
    failing[blips["failing"]] += 0.4
    failed = random.binomial(requests, np.clip(failing, 0, 1))
    refused = random.binomial(requests - failed, np.clip(_lasting(random, 0.3, 0.97) * 0.01, 0, 0.2))
    busy = expected / np.median(expected[expected > 0])
    shift = np.log2(factors["slower"] * (1 + 0.06 * np.clip(busy - 1, 0, 5)) * _deploys(random))
    latency = _latencies(random, requests - failed - refused, shift)
    looked = np.minimum(requests - failed - refused, 100)
    compared = random.binomial(requests, min(1.0, 2.0 / rate) * 0.5)
    disagreeing = np.clip(0.03 * _lasting(random, 0.2, 0.98) + (factors["disagreement"] - 1), 0, 1)
    names, inputs = _inputs(random, looked, factors["inputs"] - 1)
    return Weeks(
        rate=rate, requests=requests, failed=failed, refused=refused, latency=latency, compared=compared,
        disagreed=random.binomial(compared, disagreeing), outputs=_outputs(random, looked, factors["outputs"] - 1),
        inputs=inputs, input_names=names, labels=labels,
    )  # fmt: skip


def _labels(random: np.random.Generator, count: int, rate: float) -> tuple[Label, ...]:
    """Apart from each other by hours, of lengths that such things have; longer where few requests show anything."""
    found: list[Label] = []
    slow = 4 if rate < 0.1 else 2 if rate < 0.6 else 1
    for number in range(count):
        kind = KINDS[int(random.integers(len(KINDS)))]
        shortest, longest = (240, 480) if kind in {"outputs", "inputs"} else (40, 150)
        length = int(random.integers(shortest, longest)) * slow
        space = MINUTES_PER_WEEK // count
        begin = LEARNED * MINUTES_PER_WEEK + number * space + int(random.integers(60, max(61, space - length - 240)))
        found.append(Label(kind, begin, begin + length))
    return tuple(found)


def _size(random: np.random.Generator, kind: str) -> float:
    sizes = {
        "drop": (0.15, 0.45), "surge": (2.2, 5.0), "silence": (0.0, 0.0), "errors": (1.06, 1.4), "slower": (1.6, 3.0),
        "outputs": (1.5, 2.5), "inputs": (1.6, 2.5), "disagreement": (1.12, 1.4),
    }  # fmt: skip
    return float(random.uniform(*sizes[kind]))


def _lasting(random: np.random.Generator, size: float, stays: float) -> Floats:
    """Noise that stays for a while: lognormal around one, autoregressive by minutes."""
    steps = random.normal(0, size * np.sqrt(1 - stays * stays), MINUTES)
    value, found = 0.0, np.empty(MINUTES)
    for index, step in enumerate(steps.tolist()):
        value = stays * value + step
        found[index] = value
    return np.exp(found)


def _expected(random: np.random.Generator, rate: float) -> Floats:
    minute = np.arange(MINUTES)
    day, week = minute / MINUTES_PER_DAY, minute / MINUTES_PER_WEEK
    peak, depth = random.uniform(0, 1), random.uniform(0.2, 1.1)
    shape = np.exp(depth * np.sin(2 * np.pi * (day - peak)) + 0.25 * np.sin(4 * np.pi * (day - random.uniform(0, 1))))
    weekend = np.where(day.astype(int) % 7 >= 5, random.uniform(0.35, 1.0), 1.0)
    growth = np.exp(random.uniform(-0.06, 0.08) * week)
    noise = _lasting(random, random.uniform(0.05, 0.15), 0.97) * np.exp(random.normal(0, 0.05, MINUTES))
    found = rate * 60 * shape * weekend * growth * noise
    if random.random() < 0.4:  # a batch, each night or each week
        every, at = (MINUTES_PER_DAY, MINUTES_PER_WEEK)[int(random.integers(2))], int(random.integers(MINUTES_PER_DAY))
        at -= at % 60
        found[(minute - at) % every < 60] *= random.uniform(2, 4)
    return found


def _error_rate(random: np.random.Generator) -> Floats:
    return np.clip(random.uniform(0.0005, 0.015) * _lasting(random, 0.6, 0.95), 0, 0.3)


def _blips(random: np.random.Generator) -> dict[str, Whole]:
    """Single bad minutes, as restarts make them: nobody is to be called for these."""
    return {name: np.sort(random.integers(0, MINUTES, 12)) for name in ("silent", "failing")}


def _deploys(random: np.random.Generator) -> Floats:
    found = np.ones(MINUTES)
    for at in random.integers(0, MINUTES, 5):
        found[at:] *= random.uniform(0.95, 1.06)
    return found


def _latencies(random: np.random.Generator, answered: Whole, shift: Floats) -> Whole:
    """Lognormal around ten milliseconds with a tail, moved by `shift` octaves."""
    middle = np.log2(random.uniform(4_000, 40_000)) * LATENCY_BINS_PER_OCTAVE
    wide = random.uniform(2.0, 5.0)
    places = np.round(shift * LATENCY_BINS_PER_OCTAVE * 2) / 2
    found = np.zeros((MINUTES, len(BINS)), dtype=np.int64)
    for place in np.unique(places):
        at = places == place
        weights = np.exp(-0.5 * ((BINS - middle - place) / wide) ** 2)
        weights += 0.03 * np.exp(-0.5 * ((BINS - middle - place - 16) / (2 * wide)) ** 2)
        found[at] = random.multinomial(answered[at], weights / weights.sum())
    return found


def _outputs(random: np.random.Generator, looked: Whole, tilt: Floats) -> Whole:
    """A mix of labels that changes over the day and from hour to hour; a drift moves a part of it to one label."""
    share = random.dirichlet(np.full(len(LABELS), 2.0))
    sway = random.uniform(0.05, 0.35, len(LABELS)) * random.choice([-1, 1], len(LABELS))
    day = np.arange(MINUTES) / MINUTES_PER_DAY
    logits = np.log(share + 0.01) + np.outer(np.sin(2 * np.pi * day), sway)
    logits += np.repeat(random.normal(0, 0.06, (MINUTES // 60, len(LABELS))), 60, axis=0)
    logits[:, int(random.integers(len(LABELS)))] += tilt
    weights = np.exp(logits)
    return random.multinomial(looked, weights / weights.sum(axis=1, keepdims=True))


def _inputs(random: np.random.Generator, looked: Whole, moved: Floats) -> tuple[tuple[str, ...], Whole]:
    """A number around some value; a drift moves it by about its deviation."""
    values = np.linspace(-4, 8, 400)
    bins: dict[str, list[int]] = {}
    scale, middle = random.uniform(0.5, 30), random.uniform(-0.5, 3)
    for index, value in enumerate(values):
        bins.setdefault(number_bin(float((value + middle) * scale)), []).append(index)
    names = tuple(bins)
    found = np.zeros((MINUTES, len(names)), dtype=np.int64)
    sway = np.round(0.1 * np.sin(2 * np.pi * np.arange(MINUTES) / MINUTES_PER_DAY) * 20) / 20
    places: Any = np.round(sway + moved, 3)
    for place in np.unique(places):
        at = places == place
        dense = np.exp(-0.5 * (values - place) ** 2)
        weights = np.array([dense[each].sum() for each in bins.values()])
        found[at] = random.multinomial(looked[at], weights / weights.sum())
    return names, found
