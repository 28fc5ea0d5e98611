"""Incidents with their messages, and what is watched of whom, on each kind of database."""

import json
from dataclasses import replace

import pytest

from modelway.errors import NotFoundError
from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.incident import IncidentState
from modelway_platform.domain.anomalies.judgement import Cause, Finding, Judgement, Sensitivity
from modelway_platform.domain.identity import ModelKey
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import KEPT_SECONDS, IncidentQuery, Incidents
from modelway_platform.store.database import Database

MODEL = ModelKey("vision", "digits")
OTHER = ModelKey("text", "words")
FINDING = Finding(
    cause=Cause.ERRORS, kind="errors", since=0, at=60, measured=0.5, expected=0.1, unit="share", surprise=-20, words="é"
)
BAD = Judgement(cause=Cause.ERRORS, finding=FINDING)
FINE = Judgement(cause=Cause.ERRORS)


def test_an_incident_is_opened_seen_again_acknowledged_and_resolved(database: Database) -> None:
    now, notified = [1000.0], list[None]()
    incidents = Incidents(database, lambda: notified.append(None), lambda: now[0])

    def judged(judgement: Judgement, at: float, model: ModelKey = MODEL) -> list[str]:
        told = incidents.judged(
            {(model, Cause.ERRORS): [judgement]}, at=at, step=60, evidence=lambda _: {"requests": [1]}, tell=True
        )
        return [each.state.value for each in told]

    assert judged(FINE, 900) == []
    assert judged(BAD, 960) == [IncidentState.OPEN.value]
    assert judged(BAD, 1020) == []
    [opened] = incidents.find(IncidentQuery(state="standing"))
    assert incidents.get(opened.id) == opened == incidents.standing()[MODEL, Cause.ERRORS]
    assert (opened.evidence, opened.seen_at) == ({"requests": [1]}, 1020)
    before = incidents.newest_number()
    acknowledged = incidents.acknowledge(opened.id, "ann", "mine")
    assert incidents.acknowledge(opened.id, "ann", "mine") == acknowledged
    assert incidents.following(before) == [(before + 1, acknowledged)]
    assert incidents.newest_number() == before + 1
    assert judged(FINE, 10_000) == [IncidentState.RESOLVED.value]
    assert judged(BAD, 960, OTHER) == [IncidentState.OPEN.value]
    assert [each.model for each in incidents.find(IncidentQuery(project="vision", model="digits"))] == [MODEL]
    assert [each.model for each in incidents.find(IncidentQuery(state="standing"))] == [OTHER]
    assert len(incidents.find(IncidentQuery(most=1))) == 1
    with pytest.raises(NotFoundError):
        incidents.get("an-unknown")
    with pytest.raises(NotFoundError):
        incidents.acknowledge("an-unknown", "ann", "")
    now[0] = 10_000 + KEPT_SECONDS + 1
    incidents.let_go()
    assert [each.model for each in incidents.find(IncidentQuery())] == [OTHER]


def test_messages_are_due_until_they_are_taken(database: Database) -> None:
    now = [1000.0]
    incidents = Incidents(database, clock=lambda: now[0])
    for model in (MODEL, OTHER):
        incidents.judged({(model, Cause.ERRORS): [BAD]}, at=960, step=60, evidence=lambda _: {}, tell=model == MODEL)
    [message] = incidents.due_messages()
    assert (message.event, message.incident.model, message.attempts) == ("opened", MODEL, 0)
    assert json.loads(message.body)["event"] == "opened"
    incidents.message_failed(message)
    assert incidents.due_messages() == []
    now[0] += 5
    [again] = incidents.due_messages()
    assert again.attempts == 1
    incidents.message_failed(again, until=now[0] + 100)
    now[0] += 100
    [last] = incidents.due_messages()
    assert last.attempts == 1, "waiting is no attempt"
    incidents.message_done(last.number)
    assert incidents.due_messages() == []


def test_policies_of_projects_and_models_and_mutes_with_an_end(database: Database) -> None:
    now = [10.0]
    settings = AnomalySettings(database, clock=lambda: now[0])
    policy = AnomalyPolicy(sensitivity=Sensitivity.LOW, causes=frozenset({Cause.ERRORS, Cause.INPUTS}))
    settings.set_policy("vision", "", policy, "ann")
    settings.set_policy("vision", "digits", policy, "ann")
    settings.set_policy("vision", "digits", replace(policy, causes=frozenset()), "bob")
    found = [(each.project, each.model, each.policy.causes, each.author) for each in settings.policies()]
    assert found == [("vision", "", policy.causes, "ann"), ("vision", "digits", frozenset(), "bob")]
    settings.drop_policy("vision", "digits", "ann")
    with pytest.raises(NotFoundError):
        settings.drop_policy("vision", "digits", "ann")
    late = settings.mute(MODEL, "", 100.0, author="ann", note="é")
    soon = settings.mute(ModelKey("vision", ""), "errors", 50.0, author="ann", note="")
    assert settings.mutes() == [soon, late]
    now[0] = 60.0
    assert settings.mutes() == [late]
    with pytest.raises(NotFoundError):
        settings.unmute("text", late.id, "ann")
    settings.unmute("vision", late.id, "ann")
    assert settings.mutes() == []
