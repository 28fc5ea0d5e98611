"""Explains what would become of a request: runs the stages of the request path on it, without sending anything.

The admission is the one `admission.admit` makes, version and replica are those `choices` makes; here is only the telling. No
token of a limit is taken, so whether there is room at the moment is not told.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, cast

from modelway.http1 import Request
from modelway.http1.request_head import RefusedHeadError
from modelway_platform.domain.access.limits import UsageLimits
from modelway_platform.domain.parsing.durations import duration_text
from modelway_platform.domain.routing.explanation import (
    ExplainQuery,
    Explanation,
    LocalAnswer,
    ReplicaState,
    Step,
    VersionChance,
)
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, RouteTable
from modelway_platform.domain.table.split_table import split_table
from modelway_platform.gateway.proxy import admission as admissions
from modelway_platform.gateway.proxy import choices, live_routes, reasons
from modelway_platform.gateway.proxy.admission import Admission, Refusal
from modelway_platform.gateway.proxy.credentials import Credentials
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.heads.read_head import read_head
from modelway_platform.gateway.proxy.live_routes import LiveModel, LiveRoutes
from modelway_platform.gateway.proxy.metrics import WorkerMetrics

# How long a replica is left out that every worker leaves out; what is decided here is decided now.
_WHILE_ASKED = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a worker does not simply give a replica its turns; `out`: it gets none from it at present."""

    worker: int
    words: str
    out: bool


# How many workers there are, and what they doubt, by replica id.
Doubts = tuple[int, Mapping[str, tuple[Doubt, ...]]]


class UnknownKeyError(LookupError):
    """There is no key of that id, name or consumer."""


@dataclass(slots=True)
class _Worker:
    """As much of a worker as the stages look at."""

    routes: LiveRoutes


@dataclass(slots=True)
class _Caller:
    """As much of a caller's connection as they look at."""

    secure: bool = False


class Explainer:
    """Explains requests by a route table.

    Args:
        table: Gives the table in use; None before the first.
        doubts: What the workers say of replicas at present.
    """

    def __init__(
        self,
        table: Callable[[], RouteTable | None],
        doubts: Callable[[], Doubts],
    ) -> None:
        self._table = table
        self._doubts = doubts
        self._known: tuple[RouteTable, LiveRoutes] | None = None

    def explain(self, query: ExplainQuery) -> Explanation:
        """What would become of it.

        Raises:
            UnknownKeyError: `as_key` names none.
        """
        table = self._table()
        headers = query.headers
        routes = self._routes(table)
        if query.as_key:
            routes, secret = _with_key(routes, table, query.as_key)
            headers = (*headers, ("X-API-Key", secret))
        number = table.number if table is not None else 0
        try:
            request = read_head(query.method, query.target, headers, query.body_bytes)
        except RefusedHeadError as error:
            answer = LocalAnswer(status=error.status, code=error.code, message=error.message, hint="")
            return Explanation(table=number, answer=answer, steps=(Step(stage="read the head", outcome=error.message),))
        return self._explain(request, routes, number)

    def _routes(self, table: RouteTable | None) -> LiveRoutes:
        if table is None:
            return LiveRoutes()
        if self._known is None or self._known[0] is not table:
            self._known = table, live_routes.build(split_table(table), LiveRoutes(), WorkerMetrics().version)
        return self._known[1]

    def _explain(self, request: Request, routes: LiveRoutes, number: int) -> Explanation:
        exchange = Exchange(cast("Any", _Caller()), request, cast("Any", _Worker(routes)), 0.0)
        exchange.admission = Admission()
        routes.addresses.clear()
        refusal = admissions.admit(exchange.admission, request, routes)
        steps = _steps(request, routes)
        model = exchange.admission.model
        told = Explanation(
            table=number,
            answer=_answer(refusal),
            route=model.name if model is not None else "",
            reason=exchange.admission.reason.decode(),
            consumer=exchange.admission.identity.consumer.decode() if exchange.admission.identity is not None else "",
            steps=steps,
        )
        if refusal is not None or model is None:
            return told
        doubts = self._begin_afresh(exchange, model.entry)
        refusal = choices.choose_version(exchange) or choices.choose_replica(exchange)
        if refusal is not None and exchange.replica is None:
            refusal = _while_it_sleeps(exchange, model.entry) or refusal
        return _chosen(told, exchange, refusal, doubts)

    def _begin_afresh(self, exchange: Exchange, entry: ModelEntry) -> Mapping[str, tuple[Doubt, ...]]:
        """Turns and health begin anew for every question, so that the same one is always answered alike."""
        workers, doubts = self._doubts()
        table = RouteTable(number=1, models=(entry,), keys=())
        fresh = live_routes.build(split_table(table), LiveRoutes(), WorkerMetrics().version)
        (exchange.admission.model,) = fresh.models.values()
        for line in fresh.scaled:
            line.version.line = None  # nobody waits for an answer
        for replica in fresh.replicas.values():
            if sum(each.out for each in doubts.get(replica.entry.id, ())) >= max(workers, 1):
                replica.leave_out(_WHILE_ASKED)
        return doubts


def _while_it_sleeps(exchange: Exchange, entry: ModelEntry) -> Refusal | None:
    """What becomes of a request to a version that sleeps: it waits for a replica, and is answered only if none comes."""
    name = exchange.version.name.decode() if exchange.version is not None else ""
    found = next((each for each in entry.versions if each.version == name), None)
    if found is None or found.replicas or found.scaling is None or not found.scaling.hold_requests:
        return None
    version = f"{entry.project}/{entry.model}/{name}"
    said = f"{version} sleeps: this is held for up to {found.scaling.hold_seconds:g} s, until a replica has started"
    if found.scaling.broken:
        said = f"{version} sleeps and does not start at present: this is refused"
    hint = "see why with: modelway describe deployment"
    return Refusal(status=503, code="no_ready_replica", message=said, hint=hint)


def _with_key(routes: LiveRoutes, table: RouteTable | None, wanted: str) -> tuple[LiveRoutes, str]:
    """The same routes with a secret that stands for a key whose own secret nobody has."""
    keys = table.keys if table is not None else ()
    key = _find_key(keys, wanted)
    secret = secrets.token_hex(32)
    entry = replace(key, sha256=sha256(secret.encode()).hexdigest(), previous_sha256="", previous_until=None)
    found = LiveRoutes()
    found.number = routes.number
    found.models = routes.models
    found.urls = routes.urls
    found.credentials = Credentials((entry,))
    return found, secret


def _find_key(keys: tuple[KeyEntry, ...], wanted: str) -> KeyEntry:
    for key in keys:
        if key.id == wanted:
            return key
    for key in keys:
        if wanted in {key.name, key.consumer}:
            return key
    raise UnknownKeyError(wanted)


def _steps(request: Request, routes: LiveRoutes) -> tuple[Step, ...]:
    """Stage by stage once more, for what each says; they decide alike whenever they are asked."""
    found: list[Step] = []
    admission = Admission()
    for stage in (*admissions.ADDRESS_STAGES, *admissions.HEAD_STAGES):
        refusal = stage(admission, request, routes)
        name = stage.__name__.replace("_", " ")
        if refusal is not None:
            found.append(Step(stage=name, outcome=f"{refusal.status} {refusal.code}".rstrip()))
            break
        found.append(Step(stage=name, outcome=_outcome(stage.__name__, admission)))
    return tuple(found)


def _outcome(stage: str, admission: Admission) -> str:
    model = admission.model
    if stage == "match_route":
        if model is None:
            return "no model"
        return " ".join(filter(None, (model.name, f"by {admission.via.decode()}" if admission.via else "")))
    if stage == "authenticate":
        identity = admission.identity
        return f"consumer {identity.consumer.decode()}" if identity is not None else "open to everybody"
    if stage == "require_route" and model is not None:
        return " ".join(
            (
                f"endpoint {admission.endpoint.decode('latin-1')},",
                f"version {admission.pinned.decode('latin-1')}" if admission.pinned else "version by weights",
            )
        )
    if stage == "prepare":
        return "may be sent twice" if admission.idempotent else "is sent once"
    return "passed"


def _answer(refusal: Refusal | None) -> LocalAnswer | None:
    if refusal is None:
        return None
    return LocalAnswer(status=refusal.status, code=refusal.code, message=refusal.message, hint=refusal.hint)


def _chosen(
    told: Explanation, exchange: Exchange, refusal: Refusal | None, doubts: Mapping[str, tuple[Doubt, ...]]
) -> Explanation:
    model, version, replica = exchange.admission.model, exchange.version, exchange.replica
    assert model is not None
    entry = model.entry
    name = version.name.decode() if version is not None else ""
    chosen = replica.entry.id if replica is not None and refusal is None else ""
    head = exchange.admission.forwarded.partition(b" HTTP/1.1\r\n")[0].decode("latin-1")
    return replace(
        told,
        answer=_answer(refusal),
        reason=reasons.in_full(exchange).decode(),
        version=name,
        replica=chosen,
        sent=head if chosen else "",
        versions=_chances(model, name),
        copies=_copies(model, name),
        replicas=tuple(
            ReplicaState(
                id=each.id,
                address=f"{each.host}:{each.port}",
                state=_state(doubts.get(each.id, ())),
                chosen=each.id == chosen,
            )
            for each in ([one.entry for one in version.replicas] if version is not None else ())
        ),
        limits=(
            f"answer within {entry.timeout_seconds:g} s, body of at most {entry.max_body_bytes} bytes",
            *_limit_words(entry.limits, "this route"),
            *_limit_words(exchange.admission.identity.limits if exchange.admission.identity is not None else None, "this key"),
        ),
    )  # fmt: skip


def _copies(model: LiveModel, version: str) -> tuple[str, ...]:
    mirrors = model.mirrors.of(version.encode()) if model.mirrors is not None else ()
    return tuple(f"{each.policy.share * 100:g} % of requests to version {each.policy.to}" for each in mirrors)


def _chances(model: LiveModel, chosen: str) -> tuple[VersionChance, ...]:
    total = sum(weight for _, weight in model.shares())
    shares = {name.decode(): weight / total for name, weight in model.shares()}
    return tuple(
        VersionChance(
            version=each.version,
            weight=each.weight,
            share=shares.get(each.version, 0.0),
            replicas=len(each.replicas),
            chosen=each.version == chosen,
        )
        for each in model.entry.versions
    )


def _state(doubts: tuple[Doubt, ...]) -> str:
    return "; ".join(f"worker {each.worker}: {each.words}" for each in doubts) or "up"


def _limit_words(limits: UsageLimits | None, whose: str) -> list[str]:
    if limits is None:
        return []
    words = [
        f"{each.requests} requests in {duration_text(each.window)}, {each.burst} at once, per {each.per} ({whose})"
        for each in limits.rates
    ]
    words += [
        f"{each.requests} requests in each {duration_text(each.window)}, per {each.per} ({whose})"
        for each in limits.quotas
    ]
    if limits.concurrency is not None:
        words.append(
            f"{limits.concurrency.max} requests with replicas at a time, {limits.concurrency.queue} waiting ({whose})"
        )
    return words
