"""Tells others of incidents: a signed webhook, until it is taken; Alertmanager, as long as they last and a while after."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelway_platform.domain.anomalies.anomaly_mute import AnomalyMute, muted_until
from modelway_platform.domain.anomalies.incident import Incident, Together
from modelway_platform.domain.anomalies.shared_trouble import shared_words
from modelway_platform.insight.anomalies.receivers import Post, Receivers, RefusedError, Sign
from modelway_platform.store.anomalies.incidents import Incidents, Message

ALERTS_LAST = 300.0
"""Seconds after which Alertmanager takes an alert for resolved that it hears nothing more of."""
RESOLVED_TOLD = 900.0
"""Seconds for which it is told again that one is over."""
TRIES = 30
_MOST_DESCRIBED = 50

log = logging.getLogger(__name__)


class Teller:
    """Sends what is due, in each turn.

    Args:
        incidents: What there is to tell.
        receivers: Whom.
        webhook: Sends to the webhook, which may be anywhere and so is guarded.
        alertmanager: Sends to the Alertmanager, which is the operator's own.
        sign: Signs for the webhook.
    """

    def __init__(
        self, incidents: Incidents, receivers: Receivers, *, webhook: Post, alertmanager: Post, sign: Sign
    ) -> None:
        self._incidents = incidents
        self._receivers = receivers
        self._webhook = webhook
        self._alertmanager = alertmanager
        self._sign = sign
        self._failing = False

    def turn(self, mutes: Sequence[AnomalyMute], now: float) -> None:
        """Once more."""
        if self._receivers.webhook:
            for message in self._incidents.due_messages():
                self._deliver(message, mutes, now)
        if self._receivers.alertmanager:
            self._refresh(mutes, now)

    def _deliver(self, message: Message, mutes: Sequence[AnomalyMute], now: float) -> None:
        incident = message.incident
        until = muted_until(mutes, incident.model, incident.cause, now)
        if until:
            if incident.over:  # it came and went while nobody wanted to know
                self._incidents.message_done(message.number)
            else:
                self._incidents.message_failed(message, until=until)
            return
        body = message.body.encode()
        name = f"evt_{incident.id}_{message.number}"
        headers = {"content-type": "application/json", **self._sign(name, body)}
        try:
            status = self._webhook(self._receivers.webhook, body, headers)
        except RefusedError as error:
            log.warning("the webhook may not be called: %s", error, extra={"anomaly": incident.id})
            status = 0
        if 200 <= status < 300:
            self._incidents.message_done(message.number)
        elif status == 410 or message.attempts + 1 >= TRIES:
            log.warning("the webhook does not take a message; given up", extra={"anomaly": incident.id})
            self._incidents.message_done(message.number)
        else:
            self._incidents.message_failed(message)

    def _refresh(self, mutes: Sequence[AnomalyMute], now: float) -> None:
        told = [
            each
            for each in self._incidents.standing().values()
            if not muted_until(mutes, each.model, each.cause, now)
            and (not each.over or now - (each.resolved_at or 0) <= RESOLVED_TOLD)
        ]
        alerts = [alert_of(each, now, self._receivers.console) for each in told if each.together is None]
        for together in dict.fromkeys(each.together for each in told if each.together is not None):
            members = [each for each in told if each.together == together]
            alerts.append(alert_of_several(together, members, now, self._receivers.console))
        if not alerts:
            return
        url = f"{self._receivers.alertmanager.rstrip('/')}/api/v2/alerts"
        status = self._alertmanager(url, msgspec.json.encode(alerts), {"content-type": "application/json"})
        failing = not 200 <= status < 300
        if failing and not self._failing:
            log.warning("Alertmanager does not take alerts (status %d); trying on", status)
        self._failing = failing


def alert_of(incident: Incident, now: float, console: str) -> dict[str, Any]:
    """As Alertmanager's API v2 has it (prometheus/alertmanager, api/v2/openapi.yaml: postableAlert); labels say which one it is."""
    ends = incident.resolved_at if incident.over and incident.resolved_at else now + ALERTS_LAST
    finding = incident.finding
    return {
        "labels": {
            "alertname": "ModelwayAnomaly",
            "project": incident.model.project,
            "model": incident.model.model,
            "cause": incident.cause.value,
            "severity": "warning",
        },
        "annotations": {
            "summary": f"{incident.model}: {finding.kind}",
            "description": finding.words,
            "anomaly": incident.id,
            "versions": ", ".join(incident.versions),
            "state": incident.state.value,
        },
        "startsAt": _moment(incident.opened_at),
        "endsAt": _moment(ends),
        **(
            {"generatorURL": f"{console.rstrip('/')}/#/anomalies/{incident.model.project}/{incident.id}"}
            if console
            else {}
        ),
    }


def alert_of_several(together: Together, members: Sequence[Incident], now: float, console: str) -> dict[str, Any]:
    """One alert for all that are one; it ends with the last of them."""
    standing = [each for each in members if not each.over]
    ends = now + ALERTS_LAST if standing else max(each.resolved_at or now for each in members)
    worst = min(members, key=lambda each: (each.finding.surprise, each.id))
    alert = alert_of(worst, now, console)
    words = [f"{each.model} {each.cause.value}: {each.finding.words}" for each in members]
    return {
        **alert,
        "labels": {
            "alertname": "ModelwayAnomalies",
            "shared": together.kind,
            "name": together.name,
            "together": together.id,
            "severity": "critical",
        },
        "annotations": {
            "summary": shared_words(together, members),
            "description": "\n".join(words[:_MOST_DESCRIBED]),
            "anomaly": worst.id,
        },
        "startsAt": _moment(min(each.opened_at for each in members)),
        "endsAt": _moment(ends),
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
