"""What batches have taken by their size, as a line through it; sizes that do not come any more are not forgotten."""

from modelway.serving.batching.hold_choice import Curve

_WEIGHT = 0.1
_MOST_COUNTED = 20
_DRAWN_EVERY = 16


class BatchTimes:
    """Mean size and seconds per power of two of the size."""

    __slots__ = ("_buckets", "_until_new", "curve")

    def __init__(self) -> None:
        self._buckets: dict[int, tuple[float, float, int]] = {}
        self._until_new = 0
        self.curve = Curve(0.0, 0.0)
        """The line, drawn anew now and then; without a fixed part as long as there is only one size."""

    def observe(self, size: int, seconds: float) -> None:
        """A batch of so many took so long."""
        bucket = size.bit_length()
        mean_size, mean_seconds, count = self._buckets.get(bucket, (float(size), seconds, 0))
        weight = max(_WEIGHT, 1 / (count + 1))
        self._buckets[bucket] = (
            mean_size + (size - mean_size) * weight,
            mean_seconds + (seconds - mean_seconds) * weight,
            min(count + 1, _MOST_COUNTED),
        )
        self._until_new -= 1
        if self._until_new <= 0 or not count:
            self._until_new = _DRAWN_EVERY
            self.curve = self._drawn()

    def _drawn(self) -> Curve:
        points = list(self._buckets.values())
        if len(points) < 2:
            return Curve(0.0, points[0][1] / points[0][0] if points else 0.0)
        total = sum(count for *_, count in points)
        mean_size = sum(size * count for size, _, count in points) / total
        mean_seconds = sum(seconds * count for _, seconds, count in points) / total
        spread = sum((size - mean_size) ** 2 * count for size, _, count in points)
        together = sum((size - mean_size) * (seconds - mean_seconds) * count for size, seconds, count in points)
        each = max(together / spread, 0.0) if spread else 0.0
        shortest = min(seconds for _, seconds, _ in points)
        return Curve(min(max(mean_seconds - each * mean_size, 0.0), shortest), each)
