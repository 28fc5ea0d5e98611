"""What the watching process does in a turn: count, judge, tell."""

import logging
from collections.abc import Callable, Mapping, Sequence

from modelway_platform.apps import alert_post, database_url
from modelway_platform.apps.alert_receivers import receivers_from
from modelway_platform.apps.model_places import model_places
from modelway_platform.apps.state_directory import StateDirectory, write_private
from modelway_platform.domain.access.audit_entry import AuditEntry, AuditQuery
from modelway_platform.domain.anomalies.incident import Incident
from modelway_platform.insight.anomalies.evidence import EvidenceGatherer
from modelway_platform.insight.anomalies.model_watch import ModelWatch
from modelway_platform.insight.anomalies.telling import Teller
from modelway_platform.insight.anomalies.watcher import AnomalyWatcher, WatchParts
from modelway_platform.insight.series.counting import RecordCounter
from modelway_platform.insight.series.looking import Looking, Lookout
from modelway_platform.insight.series.store import SeriesStore
from modelway_platform.insight.series.tiers import Tiers
from modelway_platform.insight.spare_memory import give_back
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import Incidents
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents

ALERTS_SECRET = "alerts"  # noqa: S105 - the name of the file
_MOST_AUDITED = 500
_KINDS = ("Deployment", "Route", "Stage", "Rollout", "Cluster")

log = logging.getLogger(__name__)


class Watching:
    """All parts of it.

    Args:
        directory: Of the platform.
        tiers: How finely series are kept.
        most_bytes: Of the series.
        environment: The database, who is told, and whom a webhook may reach.
        console: Base URL of the console, for links.
    """

    def __init__(
        self, directory: StateDirectory, tiers: Tiers, *, most_bytes: int, environment: Mapping[str, str], console: str
    ) -> None:
        receivers, rules = receivers_from(environment, console)
        self._series = SeriesStore(directory.series, tiers)
        looking = Looking(folder=directory.log_store, most_bytes=most_bytes)
        self._lookout = Lookout(looking, self._series, RecordCounter(directory.log_store, directory.series.parent))
        self._database = Database.open(environment.get(database_url.VARIABLE, "") or directory.database)
        self._settings = AnomalySettings(self._database)
        incidents, documents = Incidents(self._database), Documents(self._database)
        watch = ModelWatch(self._series)
        places = model_places(directory, documents)
        evidence = EvidenceGatherer(self._series, watch, directory.log_store, _changes(Audit(self._database)))
        self._watcher = AnomalyWatcher(
            WatchParts(
                watch=watch,
                incidents=incidents,
                settings=self._settings,
                evidence=evidence.gather,
                say=_say,
                tell=bool(receivers.webhook),
                step=tiers.base.step,
                places=places.of,
            )
        )
        self._places = places
        shared, sign = alert_post.signer(directory.kept_secret(ALERTS_SECRET))
        if receivers.webhook:
            write_private(directory.webhook_secret, shared + "\n")  # for whoever checks what comes
        self._teller = Teller(
            incidents,
            receivers,
            webhook=alert_post.guarded_post(rules),
            alertmanager=alert_post.plain_post(),
            sign=sign,
        )

    def turn(self, now: float) -> None:
        """Once more."""
        self._places.remember()
        end = self._lookout.turn(now)
        if end is not None:
            self._watcher.turn(end)
        self._teller.turn(self._settings.mutes(), now)
        give_back()

    def close(self) -> None:
        """No more turns."""
        self._series.close()
        self._database.close()


def _changes(audit: Audit) -> Callable[[float], Sequence[AuditEntry]]:
    def since(moment: float) -> Sequence[AuditEntry]:
        found = [
            each
            for kind in _KINDS
            for each in audit.newest(AuditQuery(kind=kind, most=_MOST_AUDITED))
            if each.at >= moment
        ]
        return sorted(found, key=lambda each: each.number)

    return since


def _say(incident: Incident) -> None:
    what = "is over" if incident.over else "has begun"
    log.warning(
        "%s of %s %s: %s", incident.finding.kind, incident.model, what, incident.finding.words,
        extra={"anomaly": incident.id, "model": str(incident.model), "cause": incident.cause.value},
    )  # fmt: skip
