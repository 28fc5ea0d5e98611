"""Anomalies: listed, acknowledged, muted, what is watched of whom; and the series they were seen in."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import AnomalyParts
from modelway_platform.deploy.api.schema import anomalies_pb2
from modelway_platform.domain.anomalies.anomaly_mute import LONGEST_SECONDS, AnomalyMute, muted_until
from modelway_platform.domain.anomalies.anomaly_policy import read_policy
from modelway_platform.domain.anomalies.incident import Incident, IncidentState
from modelway_platform.domain.anomalies.judgement import Cause
from modelway_platform.domain.identity import ModelKey, is_name
from modelway_platform.domain.parsing.durations import DURATION_RULE, seconds_in
from modelway_platform.store.anomalies.anomaly_settings import SetPolicy
from modelway_platform.store.anomalies.incidents import IncidentQuery

MOST = 1000
_USUAL = 100
_LONGEST_SERIES = 56 * 86_400.0
_STATES = {"", "standing", *IncidentState}


class AnomaliesService:
    """The methods around `Anomalies`."""

    def __init__(self, anomalies: AnomalyParts) -> None:
        self._anomalies = anomalies

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Anomalies": {
                "ListAnomalies": self.list_anomalies,
                "GetAnomaly": self.get_anomaly,
                "AcknowledgeAnomaly": self.acknowledge,
                "ListAnomalyMutes": self.list_mutes,
                "MuteAnomalies": self.mute,
                "UnmuteAnomalies": self.unmute,
                "ListAnomalyPolicies": self.list_policies,
                "SetAnomalyPolicy": self.set_policy,
                "GetSeries": self.get_series,
            }
        }

    async def list_anomalies(self, request: anomalies_pb2.ListAnomaliesRequest, call: Call) -> dict[str, Any]:
        """The newest that fit."""
        most = request.most if request.HasField("most") else _USUAL
        if not 0 < most <= MOST:
            raise InvalidRequestError(f"most: expected 1 to {MOST}")
        if request.state not in _STATES:
            raise InvalidRequestError(
                f"state: {request.state[:50]!r} is no state", hint=", ".join(sorted(_STATES - {""}))
            )
        query = IncidentQuery(project=request.project, model=request.model, state=request.state, most=most)
        found = await asyncio.to_thread(self._anomalies.incidents.find, query)
        mutes = await asyncio.to_thread(self._anomalies.settings.mutes)
        return {"items": [anomaly_json(each, mutes, evidence=False) for each in found]}

    async def get_anomaly(self, request: anomalies_pb2.GetAnomalyRequest, call: Call) -> dict[str, Any]:
        """One, with its evidence."""
        return await asyncio.to_thread(self._shown, request.project, request.id)

    async def acknowledge(self, request: anomalies_pb2.AcknowledgeAnomalyRequest, call: Call) -> dict[str, Any]:
        """Somebody looks after it."""

        def act() -> dict[str, Any]:
            self._of(request.project, request.id)
            self._anomalies.incidents.acknowledge(request.id, call.actor(), request.note[:1000])
            return self._shown(request.project, request.id)

        return await asyncio.to_thread(act)

    async def list_mutes(self, request: anomalies_pb2.ListAnomalyMutesRequest, call: Call) -> dict[str, Any]:
        """Those that are not over."""
        return {"items": [mute_json(each) for each in await asyncio.to_thread(self._anomalies.settings.mutes)]}

    async def mute(self, request: anomalies_pb2.MuteAnomaliesRequest, call: Call) -> dict[str, Any]:
        """For a while."""
        seconds = seconds_in(getattr(request, "for"))
        if seconds is None or not 0 < seconds <= LONGEST_SECONDS:
            raise InvalidRequestError("for: at most 30d", hint=DURATION_RULE)
        if request.cause not in {"", *Cause}:
            raise InvalidRequestError(f"cause: {request.cause[:50]!r} is none of {', '.join(Cause)}")
        model = _model(request.project, request.model, whole=True)
        until = time.time() + seconds
        made = await asyncio.to_thread(
            lambda: self._anomalies.settings.mute(
                model, request.cause, until, author=call.actor(), note=request.note[:1000]
            )
        )
        return mute_json(made)

    async def unmute(self, request: anomalies_pb2.UnmuteAnomaliesRequest, call: Call) -> dict[str, Any]:
        """No longer."""
        await asyncio.to_thread(self._anomalies.settings.unmute, request.project, request.id, call.actor())
        return {"id": request.id, "removed": True}

    async def list_policies(self, request: anomalies_pb2.ListAnomalyPoliciesRequest, call: Call) -> dict[str, Any]:
        """All that were set."""
        return {"items": [policy_json(each) for each in await asyncio.to_thread(self._anomalies.settings.policies)]}

    async def set_policy(self, request: anomalies_pb2.SetAnomalyPolicyRequest, call: Call) -> dict[str, Any]:
        """From now on."""
        model = _model(request.project, request.model, whole=True)
        policy = read_policy(request.sensitivity, list(request.causes))
        if isinstance(policy, list):
            raise InvalidRequestError("; ".join(policy), hint="modelway anomalies policy --help")
        await asyncio.to_thread(self._anomalies.settings.set_policy, model.project, model.model, policy, call.actor())
        said = SetPolicy(
            project=model.project, model=model.model, policy=policy, author=call.caller.name, updated_at=time.time()
        )
        return policy_json(said)

    async def get_series(self, request: anomalies_pb2.GetSeriesRequest, call: Call) -> Mapping[str, Any]:
        """As finely as it is kept for so long."""
        seconds = seconds_in(request.since or "3h")
        if seconds is None or not 0 < seconds <= _LONGEST_SERIES:
            raise InvalidRequestError("since: at most 56d", hint=DURATION_RULE)
        model = _model(request.project, request.model)
        return await asyncio.to_thread(self._anomalies.series, model, seconds)

    def _shown(self, project: str, name: str) -> dict[str, Any]:
        return anomaly_json(self._of(project, name), self._anomalies.settings.mutes(), evidence=True)

    def _of(self, project: str, name: str) -> Incident:
        found = self._anomalies.incidents.get(name)
        if found.model.project != project:
            raise NotFoundError(f"there is no anomaly {name[:50]!r} in {project[:63]}", hint="see: modelway anomalies")
        return found


def anomaly_json(incident: Incident, mutes: Sequence[AnomalyMute], *, evidence: bool) -> dict[str, Any]:
    """One anomaly."""
    finding = {name: value for name, value in asdict(incident.finding).items() if name != "cause"}
    return {
        "id": incident.id,
        "project": incident.model.project,
        "model": incident.model.model,
        "cause": incident.cause.value,
        "kind": incident.finding.kind,
        "state": incident.state.value,
        "words": incident.finding.words,
        "versions": list(incident.versions),
        "openedAt": moment(incident.opened_at),
        "seenAt": moment(incident.seen_at),
        "resolvedAt": moment(incident.resolved_at),
        "reason": incident.reason,
        "times": incident.times,
        "acknowledgedBy": incident.acknowledged_by,
        "acknowledgedAt": moment(incident.acknowledged_at),
        "note": incident.note,
        "muted": muted_until(mutes, incident.model, incident.cause, time.time()) > 0,
        "finding": finding,
        "together": asdict(incident.together) if incident.together else None,
        "evidence": dict(incident.evidence) if evidence else {},
    }


def mute_json(mute: AnomalyMute) -> dict[str, Any]:
    """One mute."""
    return {
        "id": mute.id,
        "project": mute.project,
        "model": mute.model,
        "cause": mute.cause,
        "until": moment(mute.until),
        "author": mute.author,
        "note": mute.note,
    }


def policy_json(found: SetPolicy) -> dict[str, Any]:
    """One policy."""
    return {
        "project": found.project,
        "model": found.model,
        "sensitivity": found.policy.sensitivity.value,
        "causes": sorted(each.value for each in found.policy.causes),
        "author": found.author,
        "updatedAt": moment(found.updated_at),
    }


def _model(project: str, model: str, *, whole: bool = False) -> ModelKey:
    if not is_name(project) or not (is_name(model) or (whole and not model)):
        raise InvalidRequestError("project and model: expected names", hint="lower-case letters, digits and dashes")
    return ModelKey(project, model)
