"""An incident as JSON values: as it is stored, sent and shown."""

from dataclasses import asdict
from typing import Any

from modelway_platform.domain.anomalies.incident import Incident, IncidentState, Together
from modelway_platform.domain.anomalies.judgement import Cause, Finding
from modelway_platform.domain.identity import ModelKey


def incident_values(incident: Incident) -> dict[str, Any]:
    """All of it; times are Unix times."""
    values = asdict(incident)
    model: dict[str, str] = values.pop("model")
    values["finding"]["cause"] = incident.cause.value
    return {**model, **values, "cause": incident.cause.value, "state": incident.state.value}


def incident_of(values: dict[str, Any]) -> Incident:
    """The way back; members that are unknown here are left out."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in Incident.__dataclass_fields__}
    told: dict[str, Any] = values["finding"]
    finding: dict[str, Any] = {name: value for name, value in told.items() if name in Finding.__dataclass_fields__}
    known["model"] = ModelKey(values["project"], values["model"])
    known["cause"] = Cause(values["cause"])
    known["state"] = IncidentState(values["state"])
    finding["cause"] = known["cause"]
    known["finding"] = Finding(**finding)
    known["together"] = Together(**values["together"]) if values.get("together") else None
    known["versions"] = tuple(values["versions"])
    return Incident(**known)
