"""Incidents, and the messages that tell of them: written in one transaction, so that neither is there without the other."""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from modelway.errors import NotFoundError
from modelway_platform.domain.access.actor import Author, name_of_author
from modelway_platform.domain.anomalies.incident import Incident, IncidentState, Together, acknowledged, advance
from modelway_platform.domain.anomalies.incident_json import incident_of, incident_values
from modelway_platform.domain.anomalies.judgement import Cause, Judgement
from modelway_platform.domain.anomalies.shared_trouble import Trouble, shared_words
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.domain.identity import ModelKey
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database
from modelway_platform.store.upsert import upsert

KEPT_SECONDS = 90 * 86_400.0
_LATELY = 3600.0
_BACK_OFF = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
Of = tuple[ModelKey, Cause]
Evidence = Callable[[Incident], Mapping[str, object]]
Fold = Callable[[Sequence[Incident]], Sequence[Trouble]]
_MOST_LISTED = 200


def no_fold(_: Sequence[Incident]) -> Sequence[Trouble]:
    """Each by itself."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """That an incident was opened or resolved, as JSON, to be sent until it is taken."""

    number: int
    incident: Incident
    event: str
    body: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentQuery:
    """Which ones: the newest `most`; an empty text stands for any."""

    project: str = ""
    model: str = ""
    state: str = ""
    most: int = 100


class Incidents:
    """Incidents of all models.

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

    def standing(self) -> dict[Of, Incident]:
        """The newest of each model and cause that is not over, or has not been for long."""
        table = schema.incidents
        wanted = select(table).where(or_(table.c.resolved_at.is_(None), table.c.resolved_at > self._clock() - _LATELY))
        with self._database.read() as connection:
            found = [_incident(row) for row in connection.execute(wanted.order_by(table.c.opened_at))]
        return {(each.model, each.cause): each for each in found}

    def judged(
        self,
        judgements: Mapping[Of, Sequence[Judgement]],
        *,
        at: float,
        step: int,
        evidence: Evidence,
        tell: bool,
        fold: Fold = no_fold,
    ) -> list[Incident]:
        """Takes what was judged of some causes of some models at a moment; returns what was opened, again or not, or resolved.

        Args:
            judgements: Of all causes that were judged.
            at: Unix time.
            step: Seconds of a step.
            evidence: Asked of each that is opened.
            tell: Whether there is anybody to send messages to.
            fold: Which of those that are not over are one.
        """
        known = self.standing()
        ahead = {of: advance(known.get(of), of[0], each, at=at, step=step) for of, each in judgements.items()}
        changed = [of for of, after in ahead.items() if after is not None and after is not known.get(of)]
        gathered = {of: evidence(after) for of in changed if (after := ahead[of]) and _begins(known.get(of), after)}
        if not changed:
            return []
        told: list[Incident] = []
        with self._database.write() as connection:
            for model, cause in changed:
                # Anew, as somebody may have acknowledged it since; the same judgements lead to the same.
                before = self._newest(connection, model, cause)
                after = advance(before, model, judgements[model, cause], at=at, step=step)
                if after is None or after is before:
                    continue
                after = replace(after, id=after.id or f"an-{secrets.token_hex(6)}")
                begins = _begins(before, after)
                if begins:
                    after = replace(after, evidence=gathered.get((model, cause), {}))
                self._write(connection, after)
                if begins or (after.over and before is not None and not before.over):
                    told.append(after)
                    if tell and after.together is None:
                        self._message(connection, after, "resolved" if after.over else "opened")
            self._fold(connection, fold, tell=tell)
            if tell:
                self._end_together(connection, told)
        if told:
            self._notify()
        return told

    def _fold(self, connection: Connection, fold: Fold, *, tell: bool) -> None:
        """What is one from now on is told as one, instead of one by one where that has not happened yet."""
        table = schema.incidents
        rows = connection.execute(select(table).where(table.c.resolved_at.is_(None)))
        standing = [_incident(row) for row in rows]
        for trouble in fold(standing):
            together = Together(trouble.id or f"to-{secrets.token_hex(6)}", trouble.shared.kind, trouble.shared.name)
            joined = [replace(each, together=together) for each in trouble.members]
            for each in joined:
                self._write(connection, each)
            if tell:
                before = [each for each in standing if each.together == together]
                untold = _take_back(connection, before)
                _take_back(connection, joined)
                event = "grown" if trouble.id and not untold else "opened"
                self._message_together(connection, together, [*before, *joined], event)

    def _end_together(self, connection: Connection, told: Sequence[Incident]) -> None:
        """A trouble is over with its last member."""
        table = schema.incidents
        ended = {each.together: each for each in told if each.over and each.together is not None}
        for together in ended:
            rows = connection.execute(
                select(table).where(or_(table.c.resolved_at.is_(None), table.c.resolved_at > self._clock() - _LATELY))
            )
            members = [each for each in map(_incident, rows) if each.together == together]
            if all(each.over for each in members):
                self._message_together(connection, together, members, "resolved")

    def _message_together(
        self, connection: Connection, together: Together, members: Sequence[Incident], event: str
    ) -> None:
        worst = min(members, key=lambda each: (each.finding.surprise, each.id))
        listed = sorted(members, key=lambda each: (str(each.model), each.cause.value))
        said = {
            **asdict(together),
            "words": shared_words(together, members),
            "members": [
                {
                    "id": each.id,
                    "project": each.model.project,
                    "model": each.model.model,
                    "cause": each.cause.value,
                    "words": each.finding.words,
                }
                for each in listed[:_MOST_LISTED]
            ],
        }
        self._message(connection, worst, event, said)

    def get(self, name: str) -> Incident:
        """One.

        Raises:
            NotFoundError: There is none of this id.
        """
        with self._database.read() as connection:
            return self._get(connection, name)

    def find(self, query: IncidentQuery) -> list[Incident]:
        """The newest that fit, newest first; `state` may be `standing`: not over."""
        table = schema.incidents
        wanted = select(table).order_by(table.c.opened_at.desc(), table.c.id).limit(query.most)
        for column, value in ((table.c.project, query.project), (table.c.model, query.model)):
            if value:
                wanted = wanted.where(column == value)
        if query.state == "standing":
            wanted = wanted.where(table.c.state != IncidentState.RESOLVED.value)
        elif query.state:
            wanted = wanted.where(table.c.state == query.state)
        with self._database.read() as connection:
            return [_incident(row) for row in connection.execute(wanted)]

    def following(self, after: int, most: int = 100) -> list[tuple[int, Incident]]:
        """What changed after a number, in order of change, each with its number."""
        table = schema.incidents
        wanted = select(table).where(table.c.sequence > after).order_by(table.c.sequence).limit(most)
        with self._database.read() as connection:
            return [(row.sequence, _incident(row)) for row in connection.execute(wanted)]

    def newest_number(self) -> int:
        """Of the newest change."""
        with self._database.read() as connection:
            return _last_number(connection)

    def acknowledge(self, name: str, author: Author, note: str) -> Incident:
        """Somebody looks after it; said again, it changes nothing.

        Raises:
            NotFoundError: There is none of this id.
        """
        now = self._clock()
        with self._database.write() as connection:
            before = self._get(connection, name)
            after = acknowledged(before, name_of_author(author), note, now)
            if after != before:
                self._write(connection, after)
                changes = (Change(path="state", before=before.state.value, after=after.state.value),)
                audit.record(connection, author, now, action="acknowledged", kind="Anomaly", name=name, changes=changes)
        self._notify()
        return after

    def let_go(self) -> None:
        """Removes what is over for long."""
        table = schema.incidents
        with self._database.write(quiet=True) as connection:
            connection.execute(delete(table).where(table.c.resolved_at < self._clock() - KEPT_SECONDS))

    def due_messages(self, most: int = 20) -> list[Message]:
        """What is to be sent now, oldest first."""
        messages, incidents = schema.incident_messages, schema.incidents
        wanted = (
            select(messages, incidents.c.incident.label("of"))
            .join(incidents, incidents.c.id == messages.c.incident)
            .where(messages.c.due_at <= self._clock())
            .order_by(messages.c.number)
            .limit(most)
        )
        with self._database.read() as connection:
            return [
                Message(
                    number=row.number,
                    incident=incident_of(json.loads(row.of)),
                    event=row.event,
                    body=row.body,
                    attempts=row.attempts,
                )
                for row in connection.execute(wanted)
            ]

    def message_done(self, number: int) -> None:
        """It was taken, or will never be."""
        table = schema.incident_messages
        with self._database.write(quiet=True) as connection:
            connection.execute(delete(table).where(table.c.number == number))

    def message_failed(self, message: Message, *, until: float | None = None) -> None:
        """It is to be sent again, after a while or at a time."""
        table = schema.incident_messages
        due = until or self._clock() + _BACK_OFF[min(message.attempts, len(_BACK_OFF) - 1)]
        attempts = message.attempts + (until is None)
        with self._database.write(quiet=True) as connection:
            connection.execute(
                update(table).where(table.c.number == message.number).values(attempts=attempts, due_at=due)
            )

    def _newest(self, connection: Connection, model: ModelKey, cause: Cause) -> Incident | None:
        table = schema.incidents
        wanted = (
            select(table)
            .where(table.c.project == model.project, table.c.model == model.model, table.c.cause == cause.value)
            .order_by(table.c.opened_at.desc())
            .limit(1)
        )
        row = connection.execute(wanted).one_or_none()
        return None if row is None else _incident(row)

    def _get(self, connection: Connection, name: str) -> Incident:
        table = schema.incidents
        row = connection.execute(select(table).where(table.c.id == name)).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no anomaly {name[:50]!r}", hint="see: modelway anomalies")
        return _incident(row)

    def _write(self, connection: Connection, incident: Incident) -> None:
        row = {
            "id": incident.id,
            "project": incident.model.project,
            "model": incident.model.model,
            "cause": incident.cause.value,
            "state": incident.state.value,
            "opened_at": incident.opened_at,
            "seen_at": incident.seen_at,
            "resolved_at": incident.resolved_at,
            "incident": json.dumps(incident_values(incident)),
            "sequence": _last_number(connection) + 1,
        }
        upsert(connection, schema.incidents, [row])

    def _message(
        self, connection: Connection, incident: Incident, event: str, together: Mapping[str, Any] | None = None
    ) -> None:
        now = self._clock()
        values = {"incident": incident.id, "event": event, "attempts": 0, "due_at": now, "created_at": now}
        part = {"together": together} if together else {}
        body = json.dumps({"event": event, **part, "anomaly": incident_values(incident)})
        connection.execute(insert(schema.incident_messages).values(**values, body=body))


def _take_back(connection: Connection, incidents: Sequence[Incident]) -> bool:
    """Messages that nobody has taken yet; whether one of them was the first."""
    messages = schema.incident_messages
    names = [each.id for each in incidents]
    wanted = select(messages.c.event).where(messages.c.incident.in_(names))
    events = {row.event for row in connection.execute(wanted)}
    connection.execute(delete(messages).where(messages.c.incident.in_(names)))
    return "opened" in events


def _begins(before: Incident | None, after: Incident) -> bool:
    return not after.over and (before is None or before.over)


def _last_number(connection: Connection) -> int:
    return connection.execute(select(func.max(schema.incidents.c.sequence))).scalar_one() or 0


def _incident(row: Row[Any]) -> Incident:
    return incident_of(json.loads(row.incident))
