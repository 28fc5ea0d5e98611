"""Every word of every store, in an order in which each finds what the ones before have left: for row R17."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.access.api_token import TokenSpec
from modelway_platform.domain.access.audit_entry import AuditQuery
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.access.token_issuer import TokenIssuer
from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.incident import Incident
from modelway_platform.domain.anomalies.judgement import Cause, Finding, Judgement
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Condition, Deployment, DeploymentStatus, Phase
from modelway_platform.domain.deployments.hold import HoldKind
from modelway_platform.domain.deployments.phases import PhaseName, PhaseRun
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.promotion import Promotion, PromotionState
from modelway_platform.domain.records import ReplicaRecord, ReplicaState
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.sources.git_source import GitSource, SeenCommit
from modelway_platform.domain.sources.git_write import GitWrite
from modelway_platform.domain.stages.stage import Stage, StageKey
from modelway_platform.domain.verdicts.rollout import Rollout, RolloutStep
from modelway_platform.domain.verdicts.rollout_status import RolloutMove, RolloutStatus
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.access.token_issuers import TokenIssuers
from modelway_platform.store.access.tokens import Tokens
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import IncidentQuery, Incidents, Message
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.declared.cluster_approvals import ClusterApprovals
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events, Happened
from modelway_platform.store.declared.holds import Holds
from modelway_platform.store.declared.phase_approvals import PhaseApprovals
from modelway_platform.store.declared.phases import Phases
from modelway_platform.store.declared.promotions import PromotionQuery, Promotions
from modelway_platform.store.declared.replicas import Replicas
from modelway_platform.store.declared.rollout_runs import RolloutRuns, RunKept
from modelway_platform.store.sharing.leases import Lease
from modelway_platform.store.sharing.members import Members
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites
from modelway_platform.store.sources.webhooks import Webhooks

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
HAPPENED = Happened(kind="Route", name="a/b", type="Normal", reason="R", message="more", at=1.0)
FETCH = PhaseRun(phase=PhaseName.FETCH)
ANN = Actor(name="ann", role="admin", origin="", transport="rest", request_id="r", method="X.Y")
ISSUER = TokenIssuer(name="corp", issuer="https://idp.example/", audiences=("a",), key_set_url="https://idp.example/k")
SOURCE = GitSource(name="fleet", repository="https://git.example/fleet")
SEEN = SeenCommit(
    commit="a" * 40, author="ann", subject="s", committed_at=1.0, seen_at=2.0, state="applied", message="done"
)
WRITE = GitWrite(
    key="k", source="fleet", kind="Route", name="a/b", before={}, after={}, author="ann", message="m", branch="main"
)
PROMOTION = Promotion(
    deployment=str(KEY), from_stage="a", to_stage="b", package="sha256:a", revision=1, promoter="ann", created_at=0
)
PROMOTED = PromotionState.PROMOTED
MOVE = RolloutMove(
    run=1,
    number=1,
    at=2.0,
    kind="advance",
    step=0,
    before=(),
    after=(),
    route_revision=1,
    author="a",
    words="",
    numbers={},
)
FINDING = Finding(
    cause=Cause.ERRORS, kind="errors", since=0, at=60, measured=0.5, expected=0.1, unit="share", surprise=-9, words="w"
)


class Made:
    """Every store over one database, and what of it the next word is about."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.documents = Documents(database)

    @property
    def key(self) -> str:
        return Keys(self.database).list()[-1].id

    @property
    def token(self) -> str:
        return Tokens(self.database).list()[-1].id

    @property
    def promotion(self) -> int:
        return Promotions(self.database).newest(PromotionQuery())[0].number  # a rolled back one took a number with it

    @property
    def incident(self) -> Incident:
        return Incidents(self.database).find(IncidentQuery())[0]

    @property
    def mute(self) -> str:
        return AnomalySettings(self.database).mutes()[0].id

    def judged(self, finding: Finding | None, at: float) -> object:
        judgements = {(KEY.model_key, Cause.ERRORS): [Judgement(cause=Cause.ERRORS, finding=finding)]}
        return Incidents(self.database).judged(judgements, at=at, step=60, evidence=lambda _: {}, tell=True)

    def message(self) -> Message:
        return Incidents(self.database, clock=lambda: 1e12).due_messages()[0]


Act = Callable[[Made], object]


def scenarios() -> Iterator[tuple[str, Act]]:
    """In an order in which each finds what the ones before have left."""
    yield from _of_documents()
    yield from _of_what_is_observed()
    yield from _of_access()
    yield from _of_sources()
    yield from _of_steering()
    yield from _of_rollouts()
    yield from _of_anomalies()
    yield from _of_processes()


def _of_documents() -> Iterator[tuple[str, Act]]:
    routes = [replace(ROUTE, max_body_bytes=number) for number in (1000, 2000)]
    yield (
        "Documents.apply",
        lambda m: m.documents.apply([DEPLOYMENT, *routes[:1], Cluster(name="here", operator="docker")], author="a"),
    )
    yield "Documents.apply", lambda m: m.documents.apply(routes[1:], author="a", without=[("Cluster", "here")])
    yield "Documents.apply", lambda m: m.documents.apply([Cluster(name="there", operator="docker"), STAGE], author="a")
    yield "Documents.delete", lambda m: m.documents.delete("Cluster", "there", expected_revision=1)
    yield "Documents.delete", lambda m: m.documents.delete("Stage", str(STAGE.key), expected_revision=1)
    yield "Documents.apply", lambda m: m.documents.apply([ROLLOUT], author="a")
    yield "Documents.save_rollout", lambda m: m.documents.save_rollout(ROLLOUT.key, RolloutStatus())
    yield "Documents.get_rollout", lambda m: m.documents.get_rollout(ROLLOUT.key)
    yield "Documents.delete", lambda m: m.documents.delete("Rollout", str(ROLLOUT.key), expected_revision=1)
    yield "Documents.undo", lambda m: m.documents.undo("Route", str(ROUTE.key), expected_revision=2)
    yield "Documents.save_statuses", lambda m: m.documents.save_statuses([(KEY, STATUS)])
    yield "Documents.declared", lambda m: m.documents.declared()
    yield "Documents.changed_after", lambda m: m.documents.changed_after(0, 10)
    yield "Documents.revisions", lambda m: m.documents.revisions("Route", str(ROUTE.key))
    yield "Documents.get", lambda m: m.documents.get("Stage", str(STAGE.key))
    yield "Documents.get_route", lambda m: m.documents.get_route(ROUTE.key)
    yield "Documents.get_deployment", lambda m: m.documents.get_deployment(KEY)
    yield "Documents.delete", lambda m: m.documents.delete("Route", str(ROUTE.key), expected_revision=3)
    yield "Documents.delete", lambda m: m.documents.delete("Deployment", str(KEY))
    yield "Documents.remove_deployment", lambda m: m.documents.remove_deployment(KEY)


def _of_what_is_observed() -> Iterator[tuple[str, Act]]:
    yield "Events.add", lambda m: Events(m.database).add("Route", "a/b", "Normal", "R", "text")
    yield "Events.add", lambda m: Events(m.database).add("Route", "a/b", "Normal", "R", "text")
    yield "Events.add_all", lambda m: Events(m.database).add_all([HAPPENED, HAPPENED, replace(HAPPENED, name="c/d")])
    yield "Events.list", lambda m: Events(m.database).list("Route", "a/b")
    yield "Replicas.save", lambda m: Replicas(m.database).save(REPLICA)
    yield "Replicas.save", lambda m: Replicas(m.database).save(replace(REPLICA, restarts=1))
    yield "Replicas.save_all", lambda m: Replicas(m.database).save_all([REPLICA, replace(REPLICA, id="r2")])
    yield "Replicas.list", lambda m: Replicas(m.database).list()
    yield "Replicas.delete", lambda m: Replicas(m.database).delete("r1")
    yield "Phases.save", lambda m: Phases(m.database).save([(str(KEY), 1, (FETCH,)), (str(KEY), 2, (FETCH,))])
    yield "Phases.of", lambda m: Phases(m.database).of(str(KEY), 1)
    yield "Phases.newest", lambda m: Phases(m.database).newest()


def _of_access() -> Iterator[tuple[str, Act]]:
    yield "Keys.create", lambda m: Keys(m.database).create(KeySpec(name="x", role="caller"))
    yield "Keys.list", lambda m: Keys(m.database).list()
    yield "Keys.rotate", lambda m: Keys(m.database).rotate(m.key, 60)
    yield "Keys.revoke", lambda m: Keys(m.database).revoke(m.key)
    yield "Keys.find", lambda m: Keys(m.database).find("mw_x")
    yield "Tokens.create", lambda m: Tokens(m.database).create(TokenSpec(name="x", role="reader"))
    yield "Tokens.list", lambda m: Tokens(m.database).list()
    yield "Tokens.find", lambda m: Tokens(m.database).find("mw_x")
    yield "Tokens.revoke", lambda m: Tokens(m.database).revoke(m.token)
    yield "TokenIssuers.declare", lambda m: TokenIssuers(m.database).declare(ISSUER, ())
    yield "TokenIssuers.declare", lambda m: TokenIssuers(m.database).declare(replace(ISSUER, leeway_seconds=1.0), ())
    yield "TokenIssuers.fetched", lambda m: TokenIssuers(m.database).fetched("corp", ISSUER.key_set_url, ("{}",))
    yield "TokenIssuers.not_fetched", lambda m: TokenIssuers(m.database).not_fetched("corp", ISSUER.key_set_url, "no")
    yield "TokenIssuers.list", lambda m: TokenIssuers(m.database).list()
    yield "TokenIssuers.remove", lambda m: TokenIssuers(m.database).remove("corp")
    yield "Audit.add", lambda m: Audit(m.database).add("ann", 1.0, action="x", kind="Package", name="p")
    yield "Audit.newest", lambda m: Audit(m.database).newest(AuditQuery())
    yield "Audit.following", lambda m: Audit(m.database).following(AuditQuery())
    yield "Audit.last", lambda m: Audit(m.database).last()


def _of_sources() -> Iterator[tuple[str, Act]]:
    yield "GitSources.declare", lambda m: GitSources(m.database).declare(SOURCE)
    yield "GitSources.declare", lambda m: GitSources(m.database).declare(replace(SOURCE, branch="next"))
    yield "GitSources.declare", lambda m: GitSources(m.database).declare(SOURCE)
    yield "GitSources.looked", lambda m: GitSources(m.database).looked(SOURCE, "no")
    yield "GitSources.saw", lambda m: GitSources(m.database).saw(SOURCE, SEEN, [])
    yield "GitSources.get", lambda m: GitSources(m.database).get("fleet")
    yield "GitSources.list", lambda m: GitSources(m.database).list()
    yield "GitSources.commits", lambda m: GitSources(m.database).commits("fleet")
    yield "GitWrites.ask", lambda m: GitWrites(m.database).ask(WRITE)
    yield "GitWrites.change", lambda m: GitWrites(m.database).change("k", lambda each: replace(each, attempts=1))
    yield "GitWrites.find", lambda m: GitWrites(m.database).find("k")
    yield "GitWrites.open", lambda m: GitWrites(m.database).open()
    yield "GitWrites.below", lambda m: GitWrites(m.database).below("k")
    yield "GitWrites.of_source", lambda m: GitWrites(m.database).of_source("fleet", 5)
    yield "GitWrites.cancel", lambda m: GitWrites(m.database).cancel("k")
    yield "Webhooks.rotate", lambda m: Webhooks(m.database).rotate("fleet")
    yield "Webhooks.rotate", lambda m: Webhooks(m.database).rotate("fleet")
    yield "Webhooks.find", lambda m: Webhooks(m.database).find("fleet")
    yield "Webhooks.remove", lambda m: Webhooks(m.database).remove("fleet")
    yield "GitSources.remove", lambda m: GitSources(m.database).remove("fleet")


def _of_steering() -> Iterator[tuple[str, Act]]:
    yield "Holds.put", lambda m: Holds(m.database).put(str(KEY), 1, HoldKind.PAUSED, "ann")
    yield "Holds.put", lambda m: Holds(m.database).put(str(KEY), 1, HoldKind.ABORTED, "ann")
    yield "Holds.all", lambda m: Holds(m.database).all()
    yield "Holds.lift", lambda m: Holds(m.database).lift(str(KEY))
    yield "PhaseApprovals.approve", lambda m: PhaseApprovals(m.database).approve(str(KEY), 1, PhaseName.PLACE)
    yield "PhaseApprovals.all", lambda m: PhaseApprovals(m.database).all()
    yield "ClusterApprovals.approve_cluster", lambda m: ClusterApprovals(m.database).approve_cluster("n", 1, "west")
    yield "ClusterApprovals.clusters", lambda m: ClusterApprovals(m.database).clusters()
    yield "Promotions.ask", lambda m: Promotions(m.database).ask(PROMOTION)
    yield (
        "Promotions.change",
        lambda m: Promotions(m.database).change(m.promotion, lambda each: replace(each, message="waits")),
    )
    yield (
        "Promotions.change",
        lambda m: Promotions(m.database).change(m.promotion, lambda each: replace(each, state=PROMOTED)),
    )
    yield "Promotions.get", lambda m: Promotions(m.database).get(m.promotion)
    yield "Promotions.newest", lambda m: Promotions(m.database).newest(PromotionQuery())
    yield "Promotions.under_way", lambda m: Promotions(m.database).under_way()
    yield "Promotions.entries", lambda m: Promotions(m.database).entries()


def _of_rollouts() -> Iterator[tuple[str, Act]]:
    def runs(m: Made) -> RolloutRuns:
        return RolloutRuns(m.database, m.documents)

    def status(m: Made) -> RolloutStatus:
        found = m.documents.get_rollout(ROLLOUT.key)
        return found.status if found is not None else RolloutStatus()

    yield "Documents.apply", lambda m: m.documents.apply([replace(ROLLOUT, candidate="v3")], author="a")
    yield "RolloutRuns.keep", lambda m: runs(m).keep(ROLLOUT.key, 1, {"n": 1}, {})
    yield "RolloutRuns.keep", lambda m: runs(m).keep(ROLLOUT.key, 1, {"n": 2}, {})
    kept = RunKept({"n": 3}, {}, 1.0)
    yield "RolloutRuns.move", lambda m: runs(m).move(ROLLOUT.key, status(m), MOVE, kept=kept, told_by=ANN)
    yield "RolloutRuns.order", lambda m: runs(m).order(ROLLOUT.key, status(m), "pause", ANN)
    yield "RolloutRuns.of", lambda m: runs(m).of(ROLLOUT.key, 1)
    yield "RolloutRuns.moves", lambda m: runs(m).moves(ROLLOUT.key)


def _of_anomalies() -> Iterator[tuple[str, Act]]:
    yield "Incidents.judged", lambda m: m.judged(FINDING, 60.0)
    yield "Incidents.judged", lambda m: m.judged(FINDING, 120.0)
    yield "Incidents.standing", lambda m: Incidents(m.database).standing()
    yield "Incidents.get", lambda m: Incidents(m.database).get(m.incident.id)
    yield "Incidents.find", lambda m: Incidents(m.database).find(IncidentQuery())
    yield "Incidents.following", lambda m: Incidents(m.database).following(0)
    yield "Incidents.newest_number", lambda m: Incidents(m.database).newest_number()
    yield "Incidents.acknowledge", lambda m: Incidents(m.database).acknowledge(m.incident.id, "ann", "mine")
    yield "Incidents.due_messages", lambda m: Incidents(m.database).due_messages()
    yield "Incidents.message_failed", lambda m: Incidents(m.database).message_failed(m.message())
    yield "Incidents.message_done", lambda m: Incidents(m.database).message_done(m.message().number)
    yield "Incidents.judged", lambda m: m.judged(None, 1e6)
    yield "Incidents.let_go", lambda m: Incidents(m.database, clock=lambda: 1e12).let_go()
    settings = AnomalySettings
    yield "AnomalySettings.set_policy", lambda m: settings(m.database).set_policy("p", "", AnomalyPolicy(), "ann")
    yield "AnomalySettings.policies", lambda m: settings(m.database).policies()
    yield "AnomalySettings.drop_policy", lambda m: settings(m.database).drop_policy("p", "", "ann")
    yield (
        "AnomalySettings.mute",
        lambda m: settings(m.database).mute(KEY.model_key, "", 1e12, author="ann", note=""),
    )
    yield "AnomalySettings.mutes", lambda m: settings(m.database).mutes()
    yield "AnomalySettings.unmute", lambda m: settings(m.database).unmute(KEY.project, m.mute, "ann")


def _of_processes() -> Iterator[tuple[str, Act]]:
    yield "Counters.next_table_number", lambda m: Counters(m.database).next_table_number()
    yield "Lease.take", lambda m: Lease(m.database, "leader", "a", 60).take()
    yield "Lease.renew", lambda m: Lease(m.database, "leader", "a", 60).renew(1)
    yield "Lease.current", lambda m: Lease(m.database, "leader", "a", 60).current()
    yield "Lease.release", lambda m: Lease(m.database, "leader", "a", 60).release(1)
    endpoint = Endpoint(id="r1", key=KEY, host="127.0.0.1", port=1)
    yield "Members.write", lambda m: Members(m.database, "a").write("http://a", "", [endpoint])
    yield "Members.still_there", lambda m: Members(m.database, "a").still_there()
    yield "Members.others", lambda m: Members(m.database, "b").others()
    yield "Members.endpoints", lambda m: Members(m.database, "b").endpoints(["a"])


# What needs no scenario: it is said by way of another method, or says nothing to the database.
BY_OTHERS: Mapping[str, frozenset[str]] = {
    "Documents": frozenset(
        {
            "apply_deployment",
            "apply_route",
            "list_deployments",
            "list_routes",
            "list_clusters",
            "list_stages",
            "list_rollouts",
            "under",
            "save_status",
        }
    ),
    "Events": frozenset({"note", "note_all"}),  # as `add_all`, but for who is told that it failed: the log
    "Lease": frozenset({"check"}),
}
