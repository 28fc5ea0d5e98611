"""A move of a rollout's weights as a commit that is to be written: when, from what to what, and what its message says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.sources.git_source import GitSource, Owned
from modelway_platform.domain.sources.git_write import GitWrite, WriteState, branch_for
from modelway_platform.domain.verdicts.rollout import Rollout
from modelway_platform.domain.verdicts.rollout_status import RolloutMove

ROLLOUT_WRITES = "rollout "
ENDS = frozenset({"promote", "rollback", "abort", "undo"})


def key_prefix(key: ModelKey, run: int = 0) -> str:
    """What the keys of a rollout's writes, or of those of one run, begin with."""
    return f"{ROLLOUT_WRITES}{key} {run}." if run else f"{ROLLOUT_WRITES}{key} "


def move_of(write: GitWrite) -> tuple[int, int]:
    """The run and the number of the move that a commit is about."""
    run, _, number = write.key.rpartition(" ")[2].partition(".")
    return int(run), int(number)


def is_wanted(rollout: Rollout, kind: str) -> bool:
    """Whether a move of weights becomes a commit."""
    return rollout.commits == "moves" or (rollout.commits == "ends" and kind in ENDS)


def move_write(
    rollout: Rollout, move: RolloutMove, route: Route, *, source: GitSource, owned: Owned, earlier: Sequence[GitWrite]
) -> GitWrite:
    """The commit.

    Args:
        rollout: What moved.
        move: How, with its numbers.
        route: As it is now, with the weights.
        source: Declares the route, and may be written to.
        owned: The route as the source's last good commit has it.
        earlier: Writes of the same rollout, oldest first.
    """
    likely = _branch_may_say(owned, earlier, source)
    return GitWrite(
        key=f"{key_prefix(rollout.key, move.run)}{move.number}",
        source=source.name,
        kind="Route",
        name=str(rollout.key),
        before=likely[0],
        after={"versions": [{"version": each.version, "weight": each.weight} for each in route.versions]},
        author=move.author,
        message=move_message(rollout, move),
        # One proposal per rollout, made anew by each move: that of the last one is what people merge.
        branch=branch_for(source, f"{ROLLOUT_WRITES}{rollout.key}"),
        or_before=tuple(likely[1:]),
    )


def _branch_may_say(owned: Owned, earlier: Sequence[GitWrite], source: GitSource) -> list[Mapping[str, Any]]:
    """What a move may find in the branch, likeliest first: what is not there yet may never come, and what is must not be undone unseen."""
    last = {"versions": owned.document["spec"]["versions"]}
    found: list[Mapping[str, Any]] = []
    for each in reversed(earlier):
        if each.taken_in:
            break
        found.append(each.after)
        if each.state is WriteState.PUSHED and each.branch == source.branch:
            return found
    return [*found, last]


def heard_of(
    unseen: Sequence[GitWrite], owned: Sequence[Owned], *, looked_at: float, branch: str
) -> Iterator[GitWrite]:
    """Those that a look at the branch has shown: pushed before it began, or not later than one whose weights it found.

    Args:
        unseen: Writes of one source, oldest first.
        owned: What the branch says.
        looked_at: Unix time at which the look began.
        branch: The one that was looked at.
    """
    said = {each.name: each.document["spec"]["versions"] for each in owned if each.kind == "Route"}
    found: dict[str, int] = {}
    for each in unseen:
        if each.name in said and each.after["versions"] == said[each.name]:
            found[each.name] = each.number
    for each in unseen:
        there = each.state is WriteState.PUSHED and each.branch == branch and each.updated_at <= looked_at
        if there or each.number <= found.get(each.name, 0):
            yield each


def move_message(rollout: Rollout, move: RolloutMove) -> str:
    """What moved, why, and on which numbers."""
    return "\n".join(_lines(rollout, move))


def _lines(rollout: Rollout, move: RolloutMove) -> Iterator[str]:
    before, after = dict(move.before), dict(move.after)
    share = f"{_percent(before, rollout.candidate)} % -> {_percent(after, rollout.candidate)} %"
    yield f"Rollout {rollout.key}: {move.kind}, {rollout.candidate} {share}"
    yield f"\n{' '.join(move.words.split())}"
    yield f"\nMove {move.number} of run {move.run}, step {move.step + 1} of {len(rollout.steps)}, by {move.author}."
    numbers: Any = move.numbers
    if not numbers:
        return
    yield f"\nSeen in step {numbers['step']}:"
    for each in numbers["versions"]:
        yield f"- {each['version']}: {each['requests']} requests, {each['errors']} errors"
    for each in numbers["checks"]:
        yield f"- {each['verdict']}: {' '.join(str(each['words']).split())}"


def _percent(weights: Mapping[str, int], version: str) -> str:
    total = sum(weights.values())
    return f"{weights.get(version, 0) * 100 / total:.3g}" if total else "0"
