"""Documents: all or nothing, numbered, never forgotten."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import text

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Condition, Deployment, DeploymentStatus, Phase
from modelway_platform.domain.documents.document_json import Kind, document_to_json
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.stages.stage import Stage, StageKey
from modelway_platform.domain.verdicts.rollout import Rollout, RolloutStep
from modelway_platform.domain.verdicts.rollout_status import RolloutPhase, RolloutStatus
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents

KEY = VersionKey("vision", "digits", "v1")
DEPLOYMENT = Deployment(key=KEY, package="sha256:" + "a" * 64)
ROUTE = Route(key=KEY.model_key, versions=(VersionWeight(version="v1", weight=1),))


@pytest.fixture
def notified() -> list[None]:
    return []


@pytest.fixture
def documents(database: Database, notified: list[None]) -> Documents:
    return Documents(database, lambda: notified.append(None))


def test_created_changed_unchanged(documents: Documents, notified: list[None]) -> None:
    created = documents.apply_deployment(DEPLOYMENT)
    assert (created.action, created.revision) == ("created", 1)
    unchanged = documents.apply_deployment(DEPLOYMENT)
    assert (unchanged.action, unchanged.revision, unchanged.changes) == ("unchanged", 1, ())
    changed = documents.apply_deployment(replace(DEPLOYMENT, replicas=3))
    assert (changed.action, changed.revision) == ("changed", 2)
    assert [(change.path, change.before, change.after) for change in changed.changes] == [("spec.replicas", 1, 3)]
    assert len(notified) == 2
    record = documents.get_deployment(KEY)
    assert record is not None
    assert (record.deployment.replicas, record.revision) == (3, 2)


def test_all_or_nothing(documents: Documents, notified: list[None]) -> None:
    def refuse(after: Declared) -> None:
        assert [record.key for record in after.deployments] == [KEY]
        assert [record.key for record in after.routes] == [KEY.model_key]
        raise ConflictError("no")

    with pytest.raises(ConflictError):
        documents.apply([DEPLOYMENT, ROUTE], author="a", admit=refuse)
    assert documents.declared() == Declared(deployments=(), routes=())
    assert notified == []


def test_a_dry_run_tells_and_keeps_nothing(documents: Documents, notified: list[None]) -> None:
    told = documents.apply([DEPLOYMENT, ROUTE], author="a", dry_run=True)
    assert [(item.kind, item.action, item.revision) for item in told] == [
        ("Deployment", "created", 1),
        ("Route", "created", 1),
    ]
    assert documents.declared() == Declared(deployments=(), routes=())
    assert documents.revisions("Deployment", str(KEY)) == []
    assert notified == []


def test_undo_goes_back_and_makes_a_new_revision(documents: Documents, database: Database) -> None:
    for replicas in (1, 2, 3):
        documents.apply_deployment(replace(DEPLOYMENT, replicas=replicas), author="ada")
    assert documents.undo("Deployment", str(KEY), author="bob").revision == 4
    assert documents.undo("Deployment", str(KEY), 1).revision == 5
    history = documents.revisions("Deployment", str(KEY))
    assert [(item.number, item.document["spec"]["replicas"], item.cause) for item in history] == [
        (1, 1, "apply"),
        (2, 2, "apply"),
        (3, 3, "apply"),
        (4, 2, "undo to revision 2"),
        (5, 1, "undo to revision 1"),
    ]
    assert [item.author for item in history] == ["ada", "ada", "ada", "bob", "system"]
    with database.read() as connection:
        texts = connection.execute(text("SELECT document FROM revisions WHERE number IN (1, 5)")).scalars().all()
    assert texts[0] == texts[1]
    assert json.loads(texts[0]) == document_to_json(DEPLOYMENT)


def test_undo_without_anything_to_go_back_to(documents: Documents) -> None:
    with pytest.raises(NotFoundError):
        documents.undo("Route", "vision/digits")
    documents.apply_route(ROUTE)
    with pytest.raises(ConflictError, match="no earlier revision"):
        documents.undo("Route", "vision/digits")
    with pytest.raises(NotFoundError, match="no revision 7"):
        documents.undo("Route", "vision/digits", 7)


def test_deleting_then_gone_then_back(documents: Documents) -> None:
    documents.apply_deployment(DEPLOYMENT)
    assert documents.delete("Deployment", str(KEY), author="ada") == 2
    assert documents.delete("Deployment", str(KEY)) == 2
    record = documents.get_deployment(KEY)
    assert record is not None
    assert record.deleting
    documents.remove_deployment(KEY)
    assert documents.get_deployment(KEY) is None
    assert documents.list_deployments() == []
    assert [item.document == {} for item in documents.revisions("Deployment", str(KEY))] == [False, True]
    assert documents.apply_deployment(DEPLOYMENT).revision == 3


def test_declaring_anew_stops_a_deletion(documents: Documents) -> None:
    documents.apply_deployment(DEPLOYMENT)
    documents.delete("Deployment", str(KEY))
    again = documents.apply_deployment(DEPLOYMENT)
    assert (again.action, again.revision) == ("changed", 3)
    documents.remove_deployment(KEY)  # what the reconciler, a moment behind, may still say
    record = documents.get_deployment(KEY)
    assert record is not None
    assert not record.deleting


def test_a_deleted_route_comes_back_by_undo(documents: Documents) -> None:
    documents.apply_route(ROUTE)
    documents.delete("Route", str(KEY.model_key))
    assert documents.get_route(KEY.model_key) is None
    assert documents.undo("Route", "vision/digits").revision == 3
    record = documents.get_route(KEY.model_key)
    assert record is not None
    assert record.route == ROUTE


def test_a_change_on_what_someone_else_changed_is_refused(documents: Documents) -> None:
    documents.apply_route(ROUTE)
    documents.apply_route(replace(ROUTE, access="open"))
    with pytest.raises(ConflictError, match="at revision 2, not at 1"):
        documents.delete("Route", str(KEY.model_key), expected_revision=1)
    with pytest.raises(ConflictError):
        documents.undo("Route", "vision/digits", 1, expected_revision=1)
    assert documents.undo("Route", "vision/digits", 1, expected_revision=2).revision == 3


def test_status_is_kept_and_news_only_once(documents: Documents, notified: list[None]) -> None:
    status = DeploymentStatus(
        phase=Phase.FAILED,
        observed_revision=1,
        conditions=(Condition(type="PackageVerified", status=None, reason="Waiting", message="…", since=1.5),),
    )
    assert not documents.save_status(KEY, status)
    documents.apply_deployment(DEPLOYMENT)
    notified.clear()
    assert documents.save_status(KEY, status)
    assert not documents.save_status(KEY, status)
    assert len(notified) == 1
    record = documents.get_deployment(KEY)
    assert record is not None
    assert record.status == status


def test_statuses_of_many_are_kept_together_each_with_a_number(documents: Documents, notified: list[None]) -> None:
    keys = [VersionKey("vision", f"m{number}", "v1") for number in range(4)]
    documents.apply([replace(DEPLOYMENT, key=key) for key in keys], author="a")
    documents.delete("Deployment", str(keys[1]))
    documents.remove_deployment(keys[1])
    before, _ = documents.changed_after(0, 1)
    notified.clear()
    unknown = VersionKey("vision", "unknown", "v1")
    seen = [(key, DeploymentStatus(phase=Phase.READY)) for key in (keys[3], unknown, keys[1], keys[0])]
    assert documents.save_statuses(seen) == 2
    newest, rows = documents.changed_after(before, 10)
    assert [(row.name, row.sequence) for row in rows] == [(str(keys[3]), before + 1), (str(keys[0]), before + 2)]
    assert (newest, len(notified)) == (before + 2, 1)
    assert documents.save_statuses(seen) == 0
    assert [each.status.phase for each in documents.list_deployments()] == [Phase.READY, Phase.PENDING, Phase.READY]


def test_every_kind_is_listed_deleted_and_has_a_history(documents: Documents) -> None:
    cluster = Cluster(name="here", operator="docker")
    stage = Stage(key=StageKey("vision", "staging"))
    rollout = Rollout(key=KEY.model_key, baseline="v1", candidate="v2", steps=(RolloutStep(weight=10),))
    documents.apply([cluster, stage, rollout, ROUTE], author="a")
    assert [each.cluster for each in documents.list_clusters()] == [cluster]
    assert [each.stage for each in documents.list_stages()] == [stage]
    assert [each.rollout for each in documents.list_rollouts()] == [rollout]
    assert [each.route for each in documents.list_routes()] == [ROUTE]
    with pytest.raises(ConflictError, match="no"):
        documents.delete("Cluster", "here", admit=refuse)
    with pytest.raises(ConflictError):
        documents.delete("Stage", "vision/staging", expected_revision=2)
    assert documents.delete("Cluster", "here", author="b", expected_revision=1) == 2
    assert documents.delete("Stage", "vision/staging", author="b", expected_revision=1) == 2
    assert documents.delete("Rollout", str(KEY.model_key), author="b", expected_revision=1) == 2
    assert documents.delete("Route", str(KEY.model_key)) == 2
    assert documents.declared() == Declared(deployments=(), routes=())
    for delete in (
        lambda: documents.delete("Cluster", "here"),
        lambda: documents.delete("Stage", "vision/staging"),
        lambda: documents.delete("Rollout", str(KEY.model_key)),
    ):
        with pytest.raises(NotFoundError):
            delete()
    gone: tuple[tuple[Kind, str], ...] = (
        ("Cluster", "here"),
        ("Stage", "vision/staging"),
        ("Rollout", "vision/digits"),
    )
    for kind, name in gone:
        assert [each.cause for each in documents.revisions(kind, name)] == ["apply", "delete"]
        assert documents.undo(kind, name).revision == 3
    assert [each.cluster for each in documents.list_clusters()] == [cluster]


def refuse(_: Declared) -> None:
    raise ConflictError("no")


def test_a_rollout_stands_where_the_last_who_looked_put_it(documents: Documents) -> None:
    rollout = Rollout(key=KEY.model_key, baseline="v1", candidate="v2", steps=(RolloutStep(weight=10),))
    documents.apply([rollout], author="a")
    status = RolloutStatus(run=1, phase=RolloutPhase.WAITING)
    documents.save_rollout(KEY.model_key, status)
    with pytest.raises(ConflictError, match="somebody else"):
        documents.save_rollout(KEY.model_key, status)
    record = documents.get_rollout(KEY.model_key)
    assert record is not None
    assert record.status == replace(status, turn=1)


def test_who_writes_under_a_fence_writes_what_all_see(documents: Documents, database: Database) -> None:
    def fence(_: object) -> None:
        if closed:
            raise ConflictError("another process leads")

    closed = False
    fenced = documents.under(database.fenced(fence))
    fenced.apply_route(ROUTE)
    assert [each.route for each in documents.list_routes()] == [ROUTE]
    closed = True
    with pytest.raises(ConflictError, match="another process leads"):
        fenced.apply_route(replace(ROUTE, access="open"))
    assert documents.apply_route(replace(ROUTE, access="open")).revision == 2


def test_everything_is_back_after_reopening(database: Database, place: Path | str) -> None:
    Documents(database).apply([DEPLOYMENT, ROUTE], author="a")
    before = Documents(database).declared()
    with Database.open(place) as again:
        assert Documents(again).declared() == before


def test_writers_from_many_threads_lose_nothing(documents: Documents) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 20):
            documents.apply_route(replace(ROUTE, max_body_bytes=number))

    threads = [threading.Thread(target=write, args=(start,)) for start in range(0, 160, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = documents.revisions("Route", "vision/digits")
    assert [item.number for item in history] == list(range(1, 161))
    assert sorted(item.document["spec"]["maxBodyBytes"] for item in history) == list(range(160))


class Histories(RuleBasedStateMachine):
    """Any order of changes: numbers go up by one, nothing is lost, undo gives back exactly what was."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as connection:
            connection.execute(text("DELETE FROM revisions"))
            connection.execute(text("DELETE FROM documents"))
        self.documents = Documents(self.database)
        self.expected: list[int | None] = []  # what each revision declared; None: deleted

    def declared(self) -> int | None:
        return self.expected[-1] if self.expected else None

    @rule(value=st.integers(0, 3))
    def apply(self, value: int) -> None:
        applied = self.documents.apply_route(replace(ROUTE, max_body_bytes=value))
        if value == self.declared():
            assert applied.action == "unchanged"
        else:
            self.expected.append(value)
        assert applied.revision == len(self.expected)

    @precondition(lambda self: self.declared() is not None)
    @rule(stale=st.booleans())
    def delete(self, *, stale: bool) -> None:
        if stale:
            with pytest.raises(ConflictError):
                self.documents.delete(
                    "Route", str(ModelKey("vision", "digits")), expected_revision=len(self.expected) + 1
                )
            return
        self.documents.delete("Route", str(ModelKey("vision", "digits")), expected_revision=len(self.expected))
        self.expected.append(None)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.expected)))
        value = self.expected[number - 1]
        if value is None:
            with pytest.raises(NotFoundError):
                self.documents.undo("Route", "vision/digits", number)
            return
        applied = self.documents.undo("Route", "vision/digits", number)
        if value != self.declared():
            self.expected.append(value)
        assert applied.revision == len(self.expected)

    @invariant()
    def the_history_is_complete(self) -> None:
        history = self.documents.revisions("Route", "vision/digits")
        assert [item.number for item in history] == list(range(1, len(self.expected) + 1))
        found = [item.document["spec"]["maxBodyBytes"] if item.document else None for item in history]
        assert found == self.expected
        record = self.documents.get_route(ModelKey("vision", "digits"))
        assert (record.route.max_body_bytes if record else None) == self.declared()


def test_histories(database: Database) -> None:
    class Here(Histories):
        pass

    Here.database = database
    limits = settings(max_examples=8 if database.shared else 25, stateful_step_count=20, deadline=None)
    Here.TestCase.settings = limits
    Here.TestCase("runTest").runTest()
