"""Shares that stay with whom they are given to: a weighted choice by a key alone, the same wherever and whenever it is made."""

from collections.abc import Sequence
from hashlib import blake2b
from math import log

_UNIT = 2.0**-53


def point_of(seed: bytes, key: bytes) -> float:
    """A number in (0, 1) that `key` has under `seed`; over many keys they are spread evenly, and independent between seeds."""
    digest = blake2b(key, digest_size=8, key=seed[:64]).digest()
    return ((int.from_bytes(digest, "big") >> 11) + 0.5) * _UNIT


class WeightedRendezvous:
    """Chooses among named alternatives by a key: each alternative gets the keys of its share, and keeps them.

    Every alternative draws a lot -ln(u) / weight, with u from the hash of its name and the key; the smallest wins. Lots are
    exponential with the weight as their rate, so an alternative wins with its weight's share. A lot depends on its own alternative
    only: when one weight changes, keys move to or from that alternative alone, as many as its share changes by. Weighted
    rendezvous hashing, the logarithmic method of Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005.

    Args:
        seed: Choices under different seeds are independent of each other.
        names: Of the alternatives, each once; what a choice depends on, not their order.
        weights: Relative, each positive.
    """

    __slots__ = ("_alternatives",)

    def __init__(self, seed: bytes, names: Sequence[str], weights: Sequence[int]) -> None:
        if not names or min(weights) <= 0:
            raise ValueError("weights must be positive")
        # A seed of any length as a key of the hash, which is short.
        self._alternatives = tuple(
            (blake2b(seed + b"\0" + name.encode(), digest_size=32).digest(), 1.0 / weight)
            for name, weight in zip(names, weights, strict=True)
        )

    def choose(self, key: bytes) -> int:
        """Index of the alternative that has `key`."""
        best, chosen = -1.0, 0
        for index, (seed, scale) in enumerate(self._alternatives):
            lot = -log(point_of(seed, key)) * scale
            if best < 0.0 or lot < best:
                best, chosen = lot, index
        return chosen
