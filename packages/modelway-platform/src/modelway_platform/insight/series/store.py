"""The file of the series: one process writes, others read; what is in it could be counted again from the records.

A sample that is not there is a zero if its time was looked at (`looks`), and unknown if not: a platform that was off is no silence.
"""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from modelway_platform.domain.anomalies.sample import Sample, merged
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.insight.series.tiers import Tiers
from modelway_platform.insight.sqlite_file import open_sqlite, transaction

_SHAPE = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS samples (
    step INTEGER NOT NULL, at INTEGER NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    sample BLOB NOT NULL, PRIMARY KEY (step, project, model, at, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS samples_by_time ON samples (step, at);
CREATE TABLE IF NOT EXISTS looks (
    step INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (step, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judged (
    project TEXT NOT NULL, model TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL, PRIMARY KEY (project, model)
) STRICT;
"""
_SAMPLES = "SELECT project, model, version, sample FROM samples WHERE step = ? AND at >= ? AND at < ?"
_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Sample)
Found = tuple[Sequence[int], Mapping[VersionKey, Sequence[Sample]]]
"""Times that were looked at, samples by version."""


class SeriesStore:
    """Opened by the one process that writes.

    Args:
        path: The SQLite file; made when missing.
        tiers: What is kept for how long.

    Raises:
        sqlite3.Error: It cannot be used.
    """

    def __init__(self, path: Path, tiers: Tiers) -> None:
        self.path = path
        self.tiers = tiers
        self._models: set[ModelKey] | None = None
        # What a power cut takes is counted again.
        self._database = open_sqlite(path, tables=_TABLES, shape=_SHAPE, synchronous="NORMAL")

    def close(self) -> None:
        self._database.close()

    def put(
        self, step: int, begin: int, end: int, samples: Iterable[tuple[VersionKey, Sample]], *, running: bool = True
    ) -> None:
        """From now on this is what there was from `begin` to `end`, whatever was said before.

        Args:
            step: Seconds of a sample.
            begin: Unix time.
            end: Not included.
            samples: Of these times.
            running: Whether the platform ran all the time; if nobody knows, a time without any record was not looked at.
        """
        given = list(samples)
        looks = range(begin, end, step) if running else {each.at for _, each in given}
        with transaction(self._database):
            self._database.execute("DELETE FROM samples WHERE step = ? AND at >= ? AND at < ?", (step, begin, end))
            self._database.executemany(
                "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?)",
                ((step, each.at, key.project, key.model, key.version, _encode(each)) for key, each in given),
            )
            self._database.executemany("INSERT OR IGNORE INTO looks VALUES (?, ?)", ((step, at) for at in looks))
        if self._models is not None:
            self._models.update(key.model_key for key, _ in given)

    def read(self, step: int, begin: int, end: int, *, project: str = "", model: str = "") -> Found:
        """The times that were looked at, and the samples of each version in order of time."""
        return _read(self._database, step, begin, end, (project, model))

    def models(self) -> list[ModelKey]:
        """All of which anything is kept."""
        if self._models is None:
            self._models = {each for tier in self.tiers.all for each in self._models_of(tier.step)}
        return sorted(self._models, key=lambda each: (each.project, each.model))

    def last_asked(self, model: ModelKey) -> int | None:
        """Unix time of the end of the newest sample with a request; None without any."""
        found: list[int] = []
        for tier in self.tiers.all:
            rows = self._database.execute(
                "SELECT at, sample FROM samples WHERE step = ? AND project = ? AND model = ? ORDER BY at DESC",
                (tier.step, model.project, model.model),
            )
            newest = next((at for at, sample in rows if _decoder.decode(sample).requests), None)
            if newest is not None:
                found.append(newest + tier.step)
                break
        return max(found, default=None)

    def looked_at(self, since: int, until: int) -> int:
        """Seconds of a time that were looked at."""
        step = self.tiers.base.step
        return step * len(_looks(self._database, step, since, until))

    def keep_judged(self, model: ModelKey, at: float, body: bytes) -> None:
        """What is said of a model now, for those who read."""
        with transaction(self._database):
            self._database.execute(
                "INSERT OR REPLACE INTO judged VALUES (?, ?, ?, ?)", (model.project, model.model, at, body)
            )

    def last_look(self, step: int) -> int | None:
        """The beginning of the newest stretch that was looked at."""
        return self._database.execute("SELECT max(at) FROM looks WHERE step = ?", (step,)).fetchone()[0]

    def roll_up(self, until: int) -> None:
        """Makes the coarser samples of every time that ended by `until`, once."""
        finer = self.tiers.base
        for tier in self.tiers.coarse:
            newest = self.last_look(tier.step)
            begin = newest + tier.step if newest is not None else self._first_look(finer.step, tier.step)
            while begin is not None and begin + tier.step <= until:
                self._roll(finer.step, tier.step, begin)
                begin += tier.step
                if not self._looked(finer.step, begin, begin + tier.step):
                    begin = self._first_look(finer.step, tier.step, begin)
            finer = tier

    def let_go(self, now: float, most_bytes: int) -> None:
        """Removes what is too old; and the oldest, finest first, while all of it is larger than `most_bytes`."""
        for tier in self.tiers.all:
            self._forget(tier.step, int(now - tier.keep))
        for share in (2, 4, 8):
            if self._used() <= most_bytes:
                return
            for tier in self.tiers.all:
                self._forget(tier.step, int(now - tier.keep // share))

    def _first_look(self, finer: int, step: int, since: int = 0) -> int | None:
        first = self._database.execute(
            "SELECT min(at) FROM looks WHERE step = ? AND at >= ?", (finer, since)
        ).fetchone()[0]
        return None if first is None else first - first % step

    def _looked(self, step: int, begin: int, end: int) -> bool:
        found = "SELECT 1 FROM looks WHERE step = ? AND at >= ? AND at < ? LIMIT 1"
        return self._database.execute(found, (step, begin, end)).fetchone() is not None

    def _roll(self, finer: int, step: int, begin: int) -> None:
        """Nine tenths of the time have to have been looked at, or nothing is known of it."""
        looks = len(_looks(self._database, finer, begin, begin + step))
        if looks * finer * 10 < step * 9:
            return
        parts: dict[VersionKey, list[Sample]] = {}
        for key, sample in _rows(self._database, finer, begin, begin + step):
            parts.setdefault(key, []).append(sample)
        self.put(step, begin, begin + step, ((key, merged(each, begin, step)) for key, each in parts.items()))

    def _models_of(self, step: int) -> Iterator[ModelKey]:
        """From one to the next in the index, past all samples of each."""
        of_project = "SELECT model FROM samples WHERE step = ? AND project = ? AND model > ? ORDER BY model LIMIT 1"
        of_others = "SELECT project FROM samples WHERE step = ? AND project > ? ORDER BY project LIMIT 1"
        project = ""
        while (row := self._database.execute(of_others, (step, project)).fetchone()) is not None:
            project, model = row[0], ""
            while (row := self._database.execute(of_project, (step, project, model)).fetchone()) is not None:
                model = row[0]
                yield ModelKey(project, model)

    def _forget(self, step: int, before: int) -> None:
        with transaction(self._database):
            gone = self._database.execute("DELETE FROM samples WHERE step = ? AND at < ?", (step, before)).rowcount
            if gone and step == self.tiers.all[-1].step:
                self._models = None  # a model may have gone with its last sample
            self._database.execute("DELETE FROM looks WHERE step = ? AND at < ?", (step, before))

    def _used(self) -> int:
        pages, free, size = (
            int(self._database.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


class SeriesReader:
    """As any process reads them; where there is no file, there is nothing yet.

    Args:
        path: The SQLite file.
        tiers: As it was written.
    """

    def __init__(self, path: Path, tiers: Tiers) -> None:
        self._path = path
        self.tiers = tiers

    def read(self, step: int, begin: int, end: int, *, project: str = "", model: str = "") -> Found:
        """The times that were looked at, and the samples of each version in order of time.

        Raises:
            sqlite3.Error: It cannot be read.
        """
        if not self._path.exists():
            return (), {}
        with closing(self._open()) as database:
            return _read(database, step, begin, end, (project, model))

    def judged(self, model: ModelKey) -> tuple[float, bytes] | None:
        """What was said of a model last, and when; None if nothing was.

        Raises:
            sqlite3.Error: It cannot be read.
        """
        if not self._path.exists():
            return None
        with closing(self._open()) as database:
            return database.execute(
                "SELECT at, body FROM judged WHERE project = ? AND model = ?", (model.project, model.model)
            ).fetchone()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)


def _read(database: sqlite3.Connection, step: int, begin: int, end: int, of: tuple[str, str]) -> Found:
    found: dict[VersionKey, list[Sample]] = {}
    for key, sample in _rows(database, step, begin, end, of):
        found.setdefault(key, []).append(sample)
    return _looks(database, step, begin, end), found


def _rows(
    database: sqlite3.Connection, step: int, begin: int, end: int, of: tuple[str, str] = ("", "")
) -> Generator[tuple[VersionKey, Sample]]:
    # In statements of their own: only so the index that fits is used, and one model's samples cost what one model has.
    if of == ("", ""):
        rows = database.execute(f"{_SAMPLES} ORDER BY at", (step, begin, end))
    else:
        rows = database.execute(f"{_SAMPLES} AND project = ? AND model = ? ORDER BY at", (step, begin, end, *of))
    for of_project, of_model, version, sample in rows:
        yield VersionKey(of_project, of_model, version), _decoder.decode(sample)


def _looks(database: sqlite3.Connection, step: int, begin: int, end: int) -> list[int]:
    rows = database.execute(
        "SELECT at FROM looks WHERE step = ? AND at >= ? AND at < ? ORDER BY at", (step, begin, end)
    )
    return [at for (at,) in rows]
