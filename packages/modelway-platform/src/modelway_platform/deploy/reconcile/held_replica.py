"""A replica as the reconciler holds it: what it was started from, and what became of it; kept as a `ReplicaRecord`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.reconcile.decision import Replica
from modelway_platform.domain.deployments.cluster import LOCAL
from modelway_platform.domain.deployments.model_processes import model_processes_from_json, model_processes_to_json
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.deployments.volumes import volumes_from_json, volumes_to_json
from modelway_platform.domain.records import ReplicaRecord, ReplicaState


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldReplica:
    """One replica; everything needed to adopt it, judge it and start it again.

    `failures` counts falls in a row without having been ready, `restarts` all of them. `answered` says whether it has been
    ready since it was last started. `placement` is the operator's, as are `run` and `endpoint` (see `Observed`); `ends_soon` is what
    it says now and is not kept.
    """

    spec: ReplicaSpec
    template: str
    revision: int
    state: ReplicaState
    started_at: float
    placement: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    restarts: int = 0
    failures: int = 0
    exited_at: float = 0.0
    answered: bool = False
    message: str = ""
    ends_soon: str = ""
    run: str = ""
    endpoint: str = ""

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def registered_as(self) -> str:
        """The id of its endpoint."""
        return self.endpoint or self.spec.id

    def seen(self) -> Replica:
        """The part the decision looks at."""
        return Replica(
            id=self.id,
            template=self.template,
            state=self.state,
            started_at=self.started_at,
            failures=self.failures,
            exited_at=self.exited_at,
            message=self.message,
            ends_soon=self.ends_soon,
        )

    def to_record(self) -> ReplicaRecord:
        placement = (
            dict(self.placement)
            | {
                "template": self.template,
                "environment": self.spec.environment,
                "workers": self.spec.workers,
                "env": dict(self.spec.env),
                "drain_seconds": self.spec.drain_seconds,
                "cluster": self.spec.cluster,
                "resources": asdict(self.spec.resources),
                "processes": model_processes_to_json(self.spec.processes),
                "secrets": dict(self.spec.secrets),
                **volumes_to_json(self.spec.volumes),
                "failures": self.failures,
                "exited_at": self.exited_at,
                "answered": self.answered,
            }
            | ({"run": self.run, "endpoint": self.endpoint} if self.run else {})
        )
        return ReplicaRecord(
            id=self.id,
            key=self.spec.key,
            revision=self.revision,
            package=self.spec.package,
            state=self.state,
            placement=placement,
            restarts=self.restarts,
            started_at=self.started_at,
            message=self.message,
        )


def from_record(record: ReplicaRecord) -> HeldReplica:
    """What `HeldReplica.to_record` was made from."""
    kept = dict(record.placement)
    spec = ReplicaSpec(
        id=record.id,
        key=record.key,
        package=record.package,
        environment=kept.pop("environment"),
        workers=kept.pop("workers"),
        env=MappingProxyType(kept.pop("env")),
        drain_seconds=kept.pop("drain_seconds"),
        cluster=kept.pop("cluster", LOCAL),
        resources=Resources(**kept.pop("resources", {})),
        processes=model_processes_from_json(kept.pop("processes", {})),
        secrets=MappingProxyType(kept.pop("secrets", {})),
        volumes=volumes_from_json({"volumes": kept.pop("volumes", ())}),
    )
    return HeldReplica(
        spec=spec,
        template=kept.pop("template"),
        failures=kept.pop("failures"),
        exited_at=kept.pop("exited_at"),
        answered=kept.pop("answered"),
        run=kept.pop("run", ""),
        endpoint=kept.pop("endpoint", ""),
        revision=record.revision,
        state=record.state,
        started_at=record.started_at,
        placement=MappingProxyType(kept),
        restarts=record.restarts,
        message=record.message,
    )


def judge(held: HeldReplica, observed: Observed | None, now: float, *, registered: bool) -> HeldReplica:
    """The replica after another look at it; equal to `held` when nothing changed.

    `observed` is None when the operator knows nothing of it: it was recorded, but never started.
    """
    if held.state in {ReplicaState.DRAINING, ReplicaState.STOPPED}:
        gone = observed is None or observed.exited_at is not None
        return replace(held, state=ReplicaState.STOPPED) if gone else held
    if held.state is ReplicaState.CRASHED:  # a clock that was set back must not make the back-off longer
        return replace(held, exited_at=min(held.exited_at, now))
    if observed is None:
        return replace(held, state=ReplicaState.CRASHED, exited_at=0.0)
    if observed.exited_at is not None:
        return _fallen(held, observed.exited_at, observed.reason)
    if held.run and observed.run != held.run and not observed.moved:
        held = _started_again_there(held, observed.reason, now)
    held = replace(held, ends_soon=observed.ends_soon, run=observed.run, endpoint=observed.endpoint)
    if registered:
        return replace(held, state=ReplicaState.READY, answered=True, failures=0, message="")
    return replace(
        held, state=ReplicaState.STARTING, message=observed.waiting or (held.message if held.failures else "")
    )


def could_not_start(held: HeldReplica, now: float, why: str) -> HeldReplica:
    """The replica after its process could not even be made."""
    return _fallen(held, now, f"could not be started: {why}")


def started_again(held: HeldReplica, now: float, environment: str) -> HeldReplica:
    """The replica as it is recorded before its next start."""
    spec = replace(held.spec, environment=environment)
    state = ReplicaState.STARTING
    nothing: Mapping[str, Any] = MappingProxyType({})
    return replace(
        held,
        spec=spec,
        state=state,
        started_at=now,
        exited_at=0.0,
        answered=False,
        placement=nothing,
        ends_soon="",
        run="",
        endpoint="",
    )


def _started_again_there(held: HeldReplica, reason: str, now: float) -> HeldReplica:
    """It fell, and its cluster did not wait for us."""
    failures = 1 if held.answered else held.failures + 1
    return replace(held, failures=failures, restarts=held.restarts + 1, message=reason, answered=False, started_at=now)


def _fallen(held: HeldReplica, exited_at: float, reason: str) -> HeldReplica:
    # One that had been ready is started again soon; only one that never gets that far is given ever more time.
    return replace(
        held,
        state=ReplicaState.CRASHED,
        exited_at=exited_at,
        failures=1 if held.answered else held.failures + 1,
        restarts=held.restarts + 1,
        message=reason,
        ends_soon="",
    )
