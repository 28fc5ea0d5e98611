"""What is decided anew for each request: which version, which replica."""

from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.limits.overload_guard import CALLERS, JOBS, OverloadGuard

_SHED = Refusal(
    status=503,
    code="overloaded",
    message="more requests are under way than the model answers in time",
    hint="wait for as long as Retry-After says, or raise replicas in the Deployment",
    headers=b"retry-after: 1\r\n",
)


def choose_version(exchange: Exchange) -> Refusal | None:
    """The pinned version, the one the caller is assigned to, or the next by weights."""
    admission = exchange.admission
    model = admission.model
    if model is not None:
        if admission.pinned:
            version = model.versions.get(admission.pinned)
        elif model.assignment is not None:
            version = model.assignment.choose(exchange)
        else:
            version = next(model.turns, None)
        if version is not None:
            exchange.version = version
            # Who waits for a first replica is bounded by other means.
            refusal = _enter(exchange, version.guard) if version.guard is not None and version.replicas else None
            if model.mirrors is not None and refusal is None:
                model.mirrors.plan(exchange)
            return refusal
    return no_ready_replica(exchange)


def _enter(exchange: Exchange, guard: OverloadGuard) -> Refusal | None:
    identity = exchange.admission.identity
    if guard.enter(JOBS if identity is not None and identity.from_job else CALLERS):
        exchange.plain = False
        exchange.guard = guard
        return None
    if exchange.version is not None:
        exchange.version.metrics.shed += 1
    return _SHED


def choose_replica(exchange: Exchange) -> Refusal | None:
    """Round robin over the version's replicas that are up."""
    version = exchange.version
    if version is not None:
        replica = version.choose_replica(exchange.clock, exchange.tried)
        if replica is not None:
            exchange.replica = replica
            return None
        if version.line is not None and version.line.holds and not version.replicas:
            return version.line.enter(exchange)
    return no_ready_replica(exchange)


def no_ready_replica(exchange: Exchange) -> Refusal:
    """The answer when nobody can take a request."""
    model = exchange.admission.model
    name = model.name if model is not None else "this model"
    version = f" version {exchange.version.name.decode()}" if exchange.version is not None else ""
    return Refusal(
        status=503,
        code="no_ready_replica",
        message=f"no replica of {name}{version} is ready",
        hint="see why with: modelway describe deployment",
        headers=b"retry-after: 1\r\n",
    )
