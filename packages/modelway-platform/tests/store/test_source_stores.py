"""Git sources, what is written to them, and their webhooks, on each kind of database."""

from dataclasses import replace

import pytest

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.sources.git_source import GitSource, Owned, SeenCommit
from modelway_platform.domain.sources.git_source_json import source_to_json
from modelway_platform.domain.sources.git_write import GitWrite, WriteState
from modelway_platform.domain.sources.webhook import GRACE_SECONDS
from modelway_platform.store.access.etag import etag_of
from modelway_platform.store.database import Database
from modelway_platform.store.sources.git_sources import KEPT_COMMITS, MAX_SOURCES, GitSources
from modelway_platform.store.sources.git_writes import GitWrites
from modelway_platform.store.sources.webhooks import Webhooks

SOURCE = GitSource(name="fleet", repository="https://git.example/fleet")
SEEN = SeenCommit(
    commit="a" * 40,
    author="ann <ann@example>",
    subject="More é",
    committed_at=1.0,
    seen_at=2.0,
    state="applied",
    message="1 changed",
    details=({"line": 1},),
)
OWNED = Owned(kind="Route", name="a/b", document={"kind": "Route"})
WRITE = GitWrite(
    key="promotion 1.1",
    source="fleet",
    kind="Deployment",
    name="a/b/v1",
    before={"replicas": 1},
    after={"replicas": 2},
    author="ann",
    message="Promote",
    branch="main",
    or_before=({"replicas": 3},),
)


def test_a_source_stands_where_it_was_looked_at(database: Database) -> None:
    notified: list[None] = []
    sources = GitSources(database, lambda: notified.append(None), lambda: 9.0)
    made = sources.declare(SOURCE)
    assert (made.spec, made.head, made.applied, made.owned, made.checked_at) == (SOURCE, "", "", (), None)
    sources.looked(SOURCE, "refused" * 200)
    assert len(sources.get("fleet").problem) == 500
    sources.saw(SOURCE, SEEN, [OWNED])
    refused = replace(SEEN, commit="b" * 40, state="refused")
    sources.saw(SOURCE, refused, None)
    found = sources.get("fleet")
    assert (found.head, found.applied, found.owned, found.problem) == ("b" * 40, "a" * 40, (OWNED,), "")
    assert sources.commits("fleet") == [refused, SEEN]
    assert sources.commits("fleet", 1) == [refused]
    before = len(notified)
    sources.looked(replace(SOURCE, path="other"), "not of this one")
    assert sources.get("fleet") == found
    assert len(notified) == before, "nobody waits for a look"


def test_a_source_is_changed_as_it_was_seen_and_owns_what_it_did(database: Database) -> None:
    sources = GitSources(database)
    seen = etag_of(source_to_json(sources.declare(SOURCE).spec))
    sources.saw(SOURCE, SEEN, [OWNED])
    moved = replace(SOURCE, branch="next")
    after = sources.declare(moved, expected=seen)
    assert (after.head, after.applied, after.owned) == ("", "a" * 40, (OWNED,))
    with pytest.raises(ConflictError):
        sources.declare(SOURCE, expected=seen)
    with pytest.raises(ConflictError):
        sources.remove("fleet", expected=seen)
    sources.saw(SOURCE, SEEN, [])
    assert sources.get("fleet") == after, "what was found of the old branch does not count"
    sources.remove("fleet")
    assert sources.commits("fleet") == []
    for act in (sources.get, sources.remove):
        with pytest.raises(NotFoundError):
            act("fleet")


def test_so_many_sources_and_commits_and_no_more(database: Database) -> None:
    sources = GitSources(database)
    for number in range(MAX_SOURCES):
        sources.declare(replace(SOURCE, name=f"s{number:02}"))
    with pytest.raises(ConflictError):
        sources.declare(SOURCE)
    assert [each.spec.name for each in sources.list()] == [f"s{number:02}" for number in range(MAX_SOURCES)]
    first = replace(SOURCE, name="s00")
    for number in range(KEPT_COMMITS + 2):
        sources.saw(first, replace(SEEN, subject=str(number)), None)
    kept = [each.subject for each in sources.commits("s00", KEPT_COMMITS + 2)]
    assert kept == [str(number) for number in range(KEPT_COMMITS + 1, 1, -1)]


def test_a_write_is_asked_for_once_and_open_until_it_is_over(database: Database) -> None:
    writes = GitWrites(database, clock=lambda: 5.0)
    first = writes.ask(WRITE)
    assert first == replace(WRITE, number=first.number, created_at=5.0, updated_at=5.0, due_at=5.0)
    assert writes.ask(replace(WRITE, author="bob")) == first
    second = writes.ask(replace(WRITE, key="promotion 1.10"))
    third = writes.ask(replace(WRITE, key="undo_1", source="other"))
    assert [each.key for each in writes.open()] == [first.key, second.key, third.key]
    pushed = writes.change(first.key, lambda each: replace(each, state=WriteState.PUSHED, commit="c" * 40))
    assert pushed is not None
    assert writes.find(first.key) == pushed
    assert writes.change("unknown", lambda each: each) is None
    assert [each.key for each in writes.open()] == [second.key, third.key]
    assert [each.key for each in writes.below("promotion 1.")] == [first.key, second.key]
    assert writes.below("undo%") == []
    assert [each.key for each in writes.of_source("fleet", 10)] == [second.key, first.key]
    assert writes.cancel(second.key)
    assert not writes.cancel(first.key)
    assert writes.cancel("unknown")
    assert [each.key for each in writes.open()] == [third.key]


def test_a_webhook_is_rotated_with_a_time_of_grace(database: Database) -> None:
    hooks = Webhooks(database, lambda: 10.0)
    assert hooks.find("fleet") is None
    made = hooks.rotate("fleet")
    assert hooks.find("fleet") == made
    again = hooks.rotate("fleet")
    assert (again.previous, again.previous_until) == (made.nonce, 10.0 + GRACE_SECONDS)
    assert again.nonce != made.nonce
    assert hooks.find("fleet") == again
    hooks.remove("fleet")
    assert hooks.find("fleet") is None
    with pytest.raises(NotFoundError):
        hooks.remove("fleet")
