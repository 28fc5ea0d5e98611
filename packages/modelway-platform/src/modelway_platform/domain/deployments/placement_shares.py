"""How many of a deployment's replicas each of its clusters gets, where the load decides how many there are.

Seats by Webster's method (Sainte-Laguë): one by one, each to the cluster that has the fewest for its proportion. Adding one never takes one away
elsewhere, which methods of largest remainders do (the Alabama paradox), and which here would stop a replica because of more load. Balinski and
Young, Fair Representation (1982).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from modelway_platform.domain.deployments.placement import Placement


def shares(total: int, proportions: Sequence[int]) -> list[int]:
    """Whole parts of `total`, as near to `proportions` as may be; a proportion of 0 gets none.

    Args:
        total: How many there are to be shared out.
        proportions: Not negative; where all are 0, nobody gets any.
    """
    found = [0] * len(proportions)
    takers = [index for index, proportion in enumerate(proportions) if proportion]
    for _ in range(total if takers else 0):
        # In whole numbers: as fractions, equal claims could differ by a rounding. Of equal ones the first wins.
        best = takers[0]
        for each in takers[1:]:
            if proportions[each] * (2 * found[best] + 1) > proportions[best] * (2 * found[each] + 1):
                best = each
        found[best] += 1
    return found


def shared_out(placements: Sequence[Placement], total: int, proven: Collection[str]) -> tuple[Placement, ...]:
    """The placements with as many replicas as each gets of `total`.

    Args:
        placements: What is declared; `replicas` are proportions.
        total: How many the load asks for.
        proven: Clusters on which the newest revision has been ready. On the others at least one is wanted, so that it is seen whether
            it starts there at all, also while nobody asks for it.
    """
    found = shares(total, [each.replicas for each in placements])
    return tuple(
        replace(each, replicas=max(count, 0 if each.name in proven else min(each.replicas, 1)))
        for each, count in zip(placements, found, strict=True)
    )
