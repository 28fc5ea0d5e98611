"""R17: every method of every store fails at its n-th word to the database, n = 1 … all: done, or refused with nothing changed."""

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from journeys.faults.conftest import Figure
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import OperationalError

from modelway.errors import ModelwayError
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Condition, Deployment, DeploymentStatus, Phase
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaRecord, ReplicaState
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.stages.stage import Stage, StageKey
from modelway_platform.domain.verdicts.rollout import Rollout, RolloutStep
from modelway_platform.domain.verdicts.rollout_status import RolloutStatus
from modelway_platform.store import schema
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.documents import Documents
from modelway_platform.store.events import Events
from modelway_platform.store.holds import Holds
from modelway_platform.store.keys import Keys
from modelway_platform.store.leases import Lease
from modelway_platform.store.members import Members
from modelway_platform.store.replicas import Replicas

KEY = VersionKey("vision", "digits", "v1")
DEPLOYMENT = Deployment(key=KEY, package="sha256:" + "a" * 64)
ROUTE = Route(key=KEY.model_key, versions=(VersionWeight(version="v1", weight=1),))
REPLICA = ReplicaRecord(
    id="r1",
    key=KEY,
    revision=1,
    package=DEPLOYMENT.package,
    state=ReplicaState.STARTING,
    placement={},
    restarts=0,
    started_at=1.0,
)
STATUS = DeploymentStatus(
    phase=Phase.FAILED,
    observed_revision=1,
    conditions=(Condition(type="PackageVerified", status=None, reason="R", message="…", since=1.5),),
)
STAGE = Stage(key=StageKey("vision", "staging"))
ROLLOUT = Rollout(key=KEY.model_key, baseline="v1", candidate="v2", steps=(RolloutStep(weight=10),))
Content = Mapping[str, list[Any]]


class Fault:
    """Strikes at the n-th word that is said to the database from now on; a commit is one."""

    def __init__(self, database: Database) -> None:
        engine: Any = database._engine._engine  # type: ignore[attr-defined]  # noqa: SLF001 - a fault, not a user
        self._left = 0
        self.struck = False
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._strike)

    def arm(self, point: int) -> None:
        self._left, self.struck = point, False

    def disarm(self) -> None:
        self._left = 0

    def _statement(self, connection: Connection, *_: Any) -> None:
        self._strike(connection)

    def _strike(self, connection: Connection) -> None:
        if not self._left:
            return
        self._left -= 1
        if self._left:
            return
        self.struck = True
        driver: Any = connection.connection.dbapi_connection
        if connection.dialect.name == "postgresql":
            with _socket_of(driver) as shared:
                shared.shutdown(2)  # as if the network had gone: the driver finds out by itself
        else:
            raise OperationalError("injected", None, sqlite3.OperationalError("disk I/O error"))


def _socket_of(driver: Any) -> Any:
    return socket.socket(fileno=os.dup(driver.fileno()))


@dataclass(frozen=True)
class Stores:
    """Over one database, by which the scenarios go."""

    database: Database

    @property
    def documents(self) -> Documents:
        return Documents(self.database)


Act = Callable[[Stores], object]


def key_id(stores: Stores) -> str:
    return Keys(stores.database).list()[-1].id


def scenarios() -> Iterator[tuple[str, Act]]:
    """In an order in which each finds what the ones before have left."""
    routes = [replace(ROUTE, max_body_bytes=number) for number in (1000, 2000)]
    yield (
        "Documents.apply",
        lambda s: s.documents.apply([DEPLOYMENT, *routes[:1], Cluster(name="here", operator="docker")], author="a"),
    )
    yield "Documents.apply", lambda s: s.documents.apply(routes[1:], author="a", without=[("Cluster", "here")])
    yield "Documents.apply", lambda s: s.documents.apply([Cluster(name="there", operator="docker"), STAGE], author="a")
    yield "Documents.delete_cluster", lambda s: s.documents.delete_cluster("there", expected_revision=1)
    yield "Documents.delete_stage", lambda s: s.documents.delete_stage(str(STAGE.key), expected_revision=1)
    yield "Documents.apply", lambda s: s.documents.apply([ROLLOUT], author="a")
    yield "Documents.save_rollout", lambda s: s.documents.save_rollout(ROLLOUT.key, RolloutStatus())
    yield "Documents.get_rollout", lambda s: s.documents.get_rollout(ROLLOUT.key)
    yield "Documents.delete_rollout", lambda s: s.documents.delete_rollout(ROLLOUT.key, expected_revision=1)
    yield "Documents.undo", lambda s: s.documents.undo("Route", str(ROUTE.key), expected_revision=2)
    yield "Documents.save_status", lambda s: s.documents.save_status(KEY, STATUS)
    yield "Documents.declared", lambda s: s.documents.declared()
    yield "Documents.changed_after", lambda s: s.documents.changed_after(0, 10)
    yield "Documents.revisions", lambda s: s.documents.revisions("Route", str(ROUTE.key))
    yield "Documents.get_route", lambda s: s.documents.get_route(ROUTE.key)
    yield "Documents.get_deployment", lambda s: s.documents.get_deployment(KEY)
    yield "Documents.delete_route", lambda s: s.documents.delete_route(ROUTE.key, expected_revision=3)
    yield "Documents.mark_deleting", lambda s: s.documents.mark_deleting(KEY)
    yield "Documents.remove_deployment", lambda s: s.documents.remove_deployment(KEY)
    yield "Events.add", lambda s: Events(s.database).add("Route", "a/b", "Normal", "R", "text")
    yield "Events.add", lambda s: Events(s.database).add("Route", "a/b", "Normal", "R", "text")
    yield "Events.list", lambda s: Events(s.database).list("Route", "a/b")
    yield "Replicas.save", lambda s: Replicas(s.database).save(REPLICA)
    yield "Replicas.save", lambda s: Replicas(s.database).save(replace(REPLICA, restarts=1))
    yield "Replicas.list", lambda s: Replicas(s.database).list()
    yield "Replicas.delete", lambda s: Replicas(s.database).delete("r1")
    yield "Keys.create", lambda s: Keys(s.database).create(KeySpec(name="x", role="caller"))
    yield "Keys.list", lambda s: Keys(s.database).list()
    yield "Keys.rotate", lambda s: Keys(s.database).rotate(key_id(s), 60)
    yield "Keys.revoke", lambda s: Keys(s.database).revoke(key_id(s))
    yield "Keys.find", lambda s: Keys(s.database).find("mw_x")
    yield "Counters.next_table_number", lambda s: Counters(s.database).next_table_number()
    yield "Lease.take", lambda s: Lease(s.database, "leader", "a", 60).take()
    yield "Lease.renew", lambda s: Lease(s.database, "leader", "a", 60).renew(1)
    yield "Lease.current", lambda s: Lease(s.database, "leader", "a", 60).current()
    yield "Lease.release", lambda s: Lease(s.database, "leader", "a", 60).release(1)
    endpoint = Endpoint(id="r1", key=KEY, host="127.0.0.1", port=1)
    yield "Members.write", lambda s: Members(s.database, "a").write("http://a", "", [endpoint])
    yield "Members.still_there", lambda s: Members(s.database, "a").still_there()
    yield "Members.others", lambda s: Members(s.database, "b").others()
    yield "Members.endpoints", lambda s: Members(s.database, "b").endpoints(["a"])
    yield "Holds.all", lambda s: Holds(s.database).all()


# What needs no scenario: it is said by way of another method, or says nothing to the database.
BY_OTHERS = {
    "Documents": {
        "apply_deployment",
        "apply_route",
        "list_deployments",
        "list_routes",
        "list_clusters",
        "list_stages",
        "list_rollouts",
        "under",
    },
    "Lease": {"check"},
}


def content(database: Database) -> Content:
    """Everything there is."""
    with database.read() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for name, table in schema.metadata.tables.items()
        }


def refusal_of(act: Act, stores: Stores) -> ModelwayError | None:
    try:
        act(stores)
    except ModelwayError as error:
        return error
    return None


def test_done_or_refused_with_nothing_changed(place: Path | str, figure: Figure) -> None:
    points = refused = 0
    with Database.open(place) as database, Database.open(place) as untouched:
        fault = Fault(database)
        for name, act in scenarios():
            before = content(untouched)
            point = 0
            for point in range(1, 60):
                fault.arm(point)
                refusal = refusal_of(act, Stores(database))
                fault.disarm()
                points += 1
                if refusal is None:
                    break
                assert fault.struck, (name, point, refusal)
                assert refusal.http in {503, 507}, (name, point, refusal.error_code)
                assert content(untouched) == before, f"{name} was refused at {point} and changed something"
                refused += 1
            assert not fault.struck, f"{name} did not notice that it failed at {point}"
    assert refused > 90
    figure("R17", points=points, refused=refused, partial=0, engine=database.shown.split()[0])


@pytest.mark.parametrize("store", [Documents, Events, Replicas, Keys, Counters, Lease, Members])
def test_no_method_is_left_out(store: type[object]) -> None:
    named = {name.split(".")[1] for name, _ in scenarios() if name.startswith(f"{store.__name__}.")}
    public = {name for name, found in vars(store).items() if callable(found) and not name.startswith("_")}
    assert public - BY_OTHERS.get(store.__name__, set()) - named == set()
