"""Every store of one database: once for whoever asks and changes, once for what only the leader writes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from modelway_platform.store.access.audit import Audit
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.access.token_issuers import TokenIssuers
from modelway_platform.store.access.tokens import Tokens
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import Incidents
from modelway_platform.store.database import Database
from modelway_platform.store.declared.cluster_approvals import ClusterApprovals
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.holds import Holds
from modelway_platform.store.declared.phases import Phases
from modelway_platform.store.declared.promotions import Promotions
from modelway_platform.store.declared.replicas import Replicas
from modelway_platform.store.declared.rollout_runs import RolloutRuns
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites
from modelway_platform.store.sources.webhooks import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The stores over one view of the database."""

    database: Database
    documents: Documents
    events: Events
    keys: Keys
    tokens: Tokens
    issuers: TokenIssuers
    sources: GitSources
    git_writes: GitWrites
    webhooks: Webhooks
    replicas: Replicas
    phases: Phases
    holds: Holds
    promotions: Promotions
    phase_approvals: ClusterApprovals
    rollouts: RolloutRuns
    incidents: Incidents
    anomaly_settings: AnomalySettings
    audit: Audit

    @classmethod
    def over(cls, database: Database, documents: Documents, notify: Callable[[], None]) -> Self:
        """Those that write through `database` and call `notify` after each change."""
        return cls(
            database=database,
            documents=documents,
            events=Events(database, notify),
            keys=Keys(database, notify),
            tokens=Tokens(database, notify),
            issuers=TokenIssuers(database, notify),
            sources=GitSources(database, notify),
            git_writes=GitWrites(database, notify),
            webhooks=Webhooks(database),
            replicas=Replicas(database, notify),
            phases=Phases(database, notify),
            holds=Holds(database, notify),
            promotions=Promotions(database, notify),
            phase_approvals=ClusterApprovals(database, notify),
            rollouts=RolloutRuns(database, documents),
            incidents=Incidents(database, notify),
            anomaly_settings=AnomalySettings(database, notify),
            audit=Audit(database),
        )
