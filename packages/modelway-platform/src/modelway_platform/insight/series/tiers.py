"""How finely and for how long samples are kept: the older, the coarser."""

from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Tier:
    """Samples of one length.

    Args:
        step: Seconds of a sample.
        keep: Seconds until it goes.
    """

    step: int
    keep: int


@dataclass(frozen=True, slots=True)
class Tiers:
    """Finest first; each step is a multiple of the one before.

    About 5,000 samples of some hundred octets per version that is asked all the time: a megabyte or two.
    """

    base: Tier = Tier(MINUTE, 2 * DAY)
    coarse: tuple[Tier, ...] = (Tier(10 * MINUTE, 8 * DAY), Tier(HOUR, 56 * DAY))

    @property
    def all(self) -> tuple[Tier, ...]:
        return (self.base, *self.coarse)

    def fitting(self, begin: float, now: float, most: int) -> Tier:
        """The finest one that reaches back to `begin` and has at most about so many samples since."""
        for tier in self.all:
            if now - tier.keep <= begin and (now - begin) / tier.step <= most:
                return tier
        return self.all[-1]


def tiers_of(step: int) -> Tiers:
    """With another finest step, in seconds: a divisor of ten minutes."""
    return Tiers(base=Tier(step, 2 * DAY * step // MINUTE))
