"""What to tidy next, and what to let go: decisions about files by their size, age and hour, without touching one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modelway_platform.insight.collect.ledger import StoredFile

HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidiness:
    """When files are put together.

    Args:
        recent_files: So many recent ones are spread over projects and hours,
        recent_seconds: or as soon as one is so old.
        hour_files: So many small ones of an hour that goes on are put together.
        settle_seconds: So long after its end an hour is over, and all its small files become one.
        large: A file of so many records stays as it is.
        most: So many records are rewritten at once.
    """

    recent_files: int = 24
    recent_seconds: float = 60.0
    hour_files: int = 12
    settle_seconds: float = 120.0
    large: int = 2_000_000
    most: int = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How much is kept.

    Args:
        seconds: A file whose latest record is older is let go.
        octets: As much as fits; the oldest are let go first.
    """

    seconds: float
    octets: int


def next_rewrite(
    files: Sequence[StoredFile], now: float, rules: Tidiness, without: Collection[str] = ()
) -> list[StoredFile]:
    """Files of one kind to be rewritten together, in order of time, or none: recent ones first, then the oldest hour that needs it.

    Args:
        files: All there are.
        now: Unix time.
        rules: When.
        without: Paths of those that stay as they are.
    """
    files = sorted((each for each in files if each.path not in without), key=lambda each: each.first)
    recent = [each for each in files if not each.hour]
    if recent and (
        len(recent) >= rules.recent_files or now - min(each.made for each in recent) >= rules.recent_seconds
    ):
        return _up_to(recent, rules.most)
    hours: dict[tuple[int, str], list[StoredFile]] = {}
    for each in files:
        if each.hour and each.records < rules.large:
            hours.setdefault((each.hour, each.project), []).append(each)
    for (hour, _), small in sorted(hours.items()):
        enough = 2 if now >= hour + HOUR + rules.settle_seconds else rules.hour_files
        if len(small) >= enough:
            together = _up_to(small, rules.most)
            if len(together) > 1:
                return together
    return []


def to_let_go(files: Sequence[StoredFile], now: float, keeping: Keeping) -> list[StoredFile]:
    """Files of all kinds that are too old, and the oldest of those that are too many."""
    by_age = sorted(files, key=lambda each: each.last)
    total = sum(each.size for each in files)
    gone: list[StoredFile] = []
    for each in by_age:
        if each.last >= now - keeping.seconds and total <= keeping.octets:
            break
        gone.append(each)
        total -= each.size
    return gone


def _up_to(files: Sequence[StoredFile], most: int) -> list[StoredFile]:
    """The first ones with at most so many records; at least one."""
    chosen: list[StoredFile] = []
    records = 0
    for each in files:
        if chosen and records + each.records > most:
            break
        chosen.append(each)
        records += each.records
    return chosen
