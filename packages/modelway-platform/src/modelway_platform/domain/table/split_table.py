"""A route table in parts, so that a change of one model costs one part: for writing it, reading it and taking it over."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from zlib import crc32

from modelway_platform.domain.table.route_table import ModelEntry, RouteTable

MODELS_PER_PART = 32
MOST_PARTS = 4096
# A table this small is one part: easy to read for people, and nothing is gained by cutting it.
UNCUT = 128


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class TablePart:
    """Some models, in the table's order. Compared by identity: who has seen this very part need not look at it again."""

    models: tuple[ModelEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTable:
    """A table whose models stand in parts.

    Args:
        head: The table without models.
        parts: Which part a model is in follows from its name and their number (`part_of`).
    """

    head: RouteTable
    parts: tuple[TablePart, ...]

    @property
    def number(self) -> int:
        """The table's."""
        return self.head.number

    def models(self) -> Iterator[ModelEntry]:
        """All of them, part by part."""
        return chain.from_iterable(part.models for part in self.parts)

    def whole(self) -> RouteTable:
        """As one table, its models in order of their names."""
        return replace(self.head, models=tuple(sorted(self.models(), key=lambda each: (each.project, each.model))))


@lru_cache(maxsize=200_000)
def part_of(project: str, model: str, parts: int) -> int:
    """The index of the part a model is in."""
    return crc32(f"{project}/{model}".encode()) % parts


def split_table(table: RouteTable, before: SplitTable | None = None) -> SplitTable:
    """A table in parts; parts in which nothing changed are those of `before`."""
    count = _count(len(table.models), len(before.parts) if before is not None else 0)
    buckets: list[list[ModelEntry]] = [[] for _ in range(count)]
    if count == 1:
        buckets[0] = list(table.models)
    else:
        for model in table.models:
            buckets[part_of(model.project, model.model, count)].append(model)
    known = before.parts if before is not None and len(before.parts) == count else ()
    parts = tuple(
        known[index] if known and _same(known[index].models, models) else TablePart(tuple(models))
        for index, models in enumerate(buckets)
    )
    return SplitTable(head=replace(table, models=()), parts=parts)


def _count(models: int, before: int) -> int:
    """A power of two; the one there was while it fits, because another one makes every part new."""
    if models <= UNCUT:
        return 1
    if before > 1 and before * MODELS_PER_PART // 4 <= models <= before * MODELS_PER_PART * 2:
        return before
    return min(1 << (max(models // MODELS_PER_PART, 1) - 1).bit_length(), MOST_PARTS)


def _same(known: tuple[ModelEntry, ...], models: Iterable[ModelEntry]) -> bool:
    found = tuple(models)
    return len(known) == len(found) and all(a is b or a == b for a, b in zip(known, found, strict=True))
