"""What is watched of whom, and what nobody is to be told for a while."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from modelway.errors import NotFoundError
from modelway_platform.domain.access.actor import Author, name_of_author
from modelway_platform.domain.anomalies.anomaly_mute import AnomalyMute
from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.judgement import Cause, Sensitivity
from modelway_platform.domain.identity import ModelKey
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database
from modelway_platform.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPolicy:
    """A policy and whose it is: a project's, or a model's."""

    project: str
    model: str
    policy: AnomalyPolicy
    author: str
    updated_at: float


class AnomalySettings:
    """Policies and mutes.

    Args:
        database: Where they are kept.
        notify: Called after every write.
        clock: Unix time in seconds.
    """

    def __init__(
        self, database: Database, notify: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._notify = notify
        self._clock = clock

    def policies(self) -> list[SetPolicy]:
        """All that were set."""
        table = schema.anomaly_policies
        with self._database.read() as connection:
            return [
                SetPolicy(
                    project=row.project,
                    model=row.model,
                    policy=AnomalyPolicy(
                        sensitivity=Sensitivity(row.sensitivity),
                        causes=frozenset(Cause(each) for each in json.loads(row.causes)),
                    ),
                    author=row.author,
                    updated_at=row.updated_at,
                )
                for row in connection.execute(select(table).order_by(table.c.project, table.c.model))
            ]

    def set_policy(self, project: str, model: str, policy: AnomalyPolicy, author: Author) -> None:
        """From now on this is what is watched; of a whole project if no model is named."""
        now, causes = self._clock(), sorted(each.value for each in policy.causes)
        row = {
            "project": project,
            "model": model,
            "sensitivity": policy.sensitivity.value,
            "causes": json.dumps(causes),
            "author": name_of_author(author),
            "updated_at": now,
        }
        changes = audit.made({"sensitivity": policy.sensitivity.value, "causes": causes})
        with self._database.write() as connection:
            upsert(connection, schema.anomaly_policies, [row])
            name = _name(project, model)
            audit.record(connection, author, now, action="changed", kind="AnomalyPolicy", name=name, changes=changes)
        self._notify()

    def drop_policy(self, project: str, model: str, author: Author) -> None:
        """From now on it is as if nothing had been said.

        Raises:
            NotFoundError: Nothing has been.
        """
        table, now = schema.anomaly_policies, self._clock()
        with self._database.write() as connection:
            gone = delete(table).where(table.c.project == project, table.c.model == model)
            if not connection.execute(gone).rowcount:
                raise NotFoundError(
                    f"there is no policy of {_name(project, model)}", hint="see: modelway anomalies policy list"
                )
            audit.record(connection, author, now, action="deleted", kind="AnomalyPolicy", name=_name(project, model))
        self._notify()

    def mutes(self) -> list[AnomalyMute]:
        """Those that are not over, the next to end first."""
        table = schema.anomaly_mutes
        with self._database.read() as connection:
            wanted = select(table).where(table.c.until > self._clock()).order_by(table.c.until, table.c.id)
            return [AnomalyMute(**row) for row in connection.execute(wanted).mappings()]

    def mute(self, model: ModelKey, cause: str, until: float, *, author: Author, note: str) -> AnomalyMute:
        """Nobody is told until then; `model.model` and `cause` may be empty, for all."""
        now = self._clock()
        made = AnomalyMute(
            id=f"mute-{secrets.token_hex(4)}", project=model.project, model=model.model, cause=cause, until=until,
            author=name_of_author(author), note=note, created_at=now,
        )  # fmt: skip
        values = {column: getattr(made, column) for column in AnomalyMute.__dataclass_fields__}
        changes = audit.made({"project": model.project, "model": model.model, "cause": cause, "until": until})
        with self._database.write() as connection:
            connection.execute(delete(schema.anomaly_mutes).where(schema.anomaly_mutes.c.until < now))
            connection.execute(insert(schema.anomaly_mutes).values(**values))
            audit.record(connection, author, now, action="created", kind="AnomalyMute", name=made.id, changes=changes)
        self._notify()
        return made

    def unmute(self, project: str, name: str, author: Author) -> None:
        """From now on people are told again.

        Raises:
            NotFoundError: There is no such mute in the project.
        """
        table, now = schema.anomaly_mutes, self._clock()
        with self._database.write() as connection:
            gone = delete(table).where(table.c.id == name, table.c.project == project)
            if not connection.execute(gone).rowcount:
                raise NotFoundError(f"there is no mute {name[:50]!r}", hint="see: modelway anomalies mute list")
            audit.record(connection, author, now, action="deleted", kind="AnomalyMute", name=name)
        self._notify()


def policy_of(policies: list[SetPolicy], model: ModelKey) -> AnomalyPolicy:
    """The model's own, or the project's, or the usual one."""
    by_name = {(each.project, each.model): each.policy for each in policies}
    return by_name.get((model.project, model.model)) or by_name.get((model.project, "")) or AnomalyPolicy()


def _name(project: str, model: str) -> str:
    return f"{project}/{model}" if model else project
