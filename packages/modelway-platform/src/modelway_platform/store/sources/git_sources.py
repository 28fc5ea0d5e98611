"""Git sources: declared by people, their standing kept by whoever follows them."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.actor import Author
from modelway_platform.domain.documents.document_changes import changes_between
from modelway_platform.domain.sources.git_source import GitSource, Owned, SeenCommit, SourceRecord
from modelway_platform.domain.sources.git_source_json import (
    commit_from_json,
    commit_to_json,
    owned_from_json,
    owned_to_json,
    source_from_json,
    source_to_json,
)
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.access.etag import check_etag
from modelway_platform.store.database import Database

MAX_SOURCES = 50
KEPT_COMMITS = 200


class GitSources:
    """Sources by name, each with its last commits.

    Args:
        database: Where they are kept.
        notify: Called after every write that somebody may wait for.
        clock: Unix time in seconds.
    """

    def __init__(
        self, database: Database, notify: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._notify = notify
        self._clock = clock

    def declare(self, spec: GitSource, *, author: Author = "system", expected: str = "") -> SourceRecord:
        """Add a source, or replace the one of this name; it is looked at anew, and what it owns stays its own.

        Raises:
            ConflictError: There are too many, or this one is not as the tag says that is expected.
        """
        table, now = schema.git_sources, self._clock()
        value = source_to_json(spec)
        with self._database.write() as connection:
            known = {row.name: json.loads(row.spec) for row in connection.execute(select(table.c.name, table.c.spec))}
            before = known.get(spec.name)
            check_etag(expected, before, f"source {spec.name}")
            if before is not None:
                values = {"spec": json.dumps(value), "head": "", "checked_at": None, "problem": ""}
                connection.execute(update(table).where(table.c.name == spec.name).values(**values))
            elif len(known) >= MAX_SOURCES:
                raise ConflictError(f"there are {MAX_SOURCES} sources already", hint="modelway source remove NAME")
            else:
                connection.execute(insert(table).values(name=spec.name, spec=json.dumps(value), created_at=now))
            audit.record(
                connection,
                author,
                now,
                action="created" if before is None else "changed",
                kind="Source",
                name=spec.name,
                changes=changes_between(before or {}, value),
            )
            # Read here: a failure afterwards would refuse what was kept.
            kept = _record(connection.execute(select(table).where(table.c.name == spec.name)).one())
        self._notify()
        return kept

    def get(self, name: str) -> SourceRecord:
        """One of them.

        Raises:
            NotFoundError: There is none of this name.
        """
        table = schema.git_sources
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.name == name)).one_or_none()
        if row is None:
            raise _missing(name)
        return _record(row)

    def commits(self, name: str, most: int = KEPT_COMMITS) -> list[SeenCommit]:
        """What became of its commits, the newest first."""
        table = schema.git_commits
        query = select(table.c.seen).where(table.c.source == name).order_by(table.c.id.desc()).limit(most)
        with self._database.read() as connection:
            return [commit_from_json(json.loads(text)) for text in connection.execute(query).scalars()]

    def remove(self, name: str, *, author: Author = "system", expected: str = "") -> None:
        """Follow it no more; what it declared stays declared.

        Raises:
            NotFoundError: There is none of this name.
        """
        with self._database.write() as connection:
            table = schema.git_sources
            spec = connection.execute(select(table.c.spec).where(table.c.name == name)).scalar_one_or_none()
            if spec is None:
                raise _missing(name)
            check_etag(expected, json.loads(spec), f"source {name}")
            connection.execute(delete(table).where(table.c.name == name))
            connection.execute(delete(schema.git_commits).where(schema.git_commits.c.source == name))
            audit.record(connection, author, self._clock(), action="deleted", kind="Source", name=name)
        self._notify()

    def looked(self, spec: GitSource, problem: str = "") -> None:
        """The branch was looked at and is where it was, or could not be looked at."""
        self._note(spec, {"problem": problem[:500]})

    def saw(self, spec: GitSource, seen: SeenCommit, owned: Sequence[Owned] | None) -> None:
        """The branch is at a commit; with `owned`, that is the one in force from now on."""
        values: dict[str, Any] = {"head": seen.commit, "problem": ""}
        if owned is not None:
            values |= {"applied": seen.commit, "owned": json.dumps([owned_to_json(each) for each in owned])}
        self._note(spec, values, seen)

    def list(self) -> list[SourceRecord]:
        """All, by name."""
        table = schema.git_sources
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(select(table).order_by(table.c.name))]

    def _note(self, spec: GitSource, values: dict[str, Any], seen: SeenCommit | None = None) -> None:
        """Of no effect if the source was declared anew or removed meanwhile."""
        table, commits = schema.git_sources, schema.git_commits
        mine = (table.c.name == spec.name) & (table.c.spec == json.dumps(source_to_json(spec)))
        with self._database.write() as connection:
            changed = connection.execute(update(table).where(mine).values(checked_at=self._clock(), **values)).rowcount
            if changed and seen is not None:
                text = json.dumps(commit_to_json(seen))
                connection.execute(insert(commits).values(source=spec.name, seen=text))
                of_source = select(commits.c.id).where(commits.c.source == spec.name).order_by(commits.c.id.desc())
                kept = of_source.limit(KEPT_COMMITS)
                connection.execute(delete(commits).where(commits.c.source == spec.name, commits.c.id.not_in(kept)))
        if seen is not None:
            self._notify()


def _record(row: Any) -> SourceRecord:
    return SourceRecord(
        spec=source_from_json(json.loads(row.spec)),
        head=row.head,
        applied=row.applied,
        owned=tuple(owned_from_json(each) for each in json.loads(row.owned)),
        checked_at=row.checked_at,
        problem=row.problem,
        created_at=row.created_at,
    )


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"no source {name[:100]}", hint="modelway source list")
