"""The way of every request: read it from top to bottom.

1. record: the engine has read the head; an `Exchange` begins, with its request id (`caller.py`).
2. admit (`admission.ADDRESS_STAGES` and `HEAD_STAGES`, lists), decided by the head alone and kept for heads that come again: match the route,
   authenticate, require the route, find its limits, limit head and body, prepare what is passed on.
3. limit (`limiting.py`), where a limit applies: a token of each, or no further; a place among those at work (`gate.py`), or wait for one.
4. choose (`choices.py`), or hand over to the jobs process what asked for that (`deferring.py`); decided anew each time: the version, by who calls
   (`assigning.py`) or by exact weights, which copies for mirrors there shall be (`live_mirrors.py`), the replica in turn; or wait for the
   first one of a version that sleeps (`hold_line.py`).
5. forward: over a kept connection, again where that is safe (`forwarding.py`); the answer comes back (`replica_connection.py`).
6. record: counters and one line in the access log (`metrics.py`, `access_log.py`); copies for mirrors are made now (`mirror_desk.py`).

Stages know what they decide on, never each other.
"""

from modelway_platform.gateway.proxy import admission, choices, deferring
from modelway_platform.gateway.proxy.admission import Admission, Refusal
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.limits import limiting


def decide(exchange: Exchange) -> Refusal | None:
    """Admission, then choices; the first refusal ends the way."""
    request = exchange.request
    routes = exchange.worker.routes
    known = routes.admissions.get(request)
    if known is not None:
        exchange.admission = known
    else:
        exchange.admission = Admission()
        if request.target.startswith(deferring.JOBS) and deferring.is_about_jobs(request):
            refusal = deferring.admit_to_jobs(exchange)
        else:
            refusal = admission.admit(exchange.admission, request, routes)
            if refusal is None and b"prefer" in request.fields:
                refusal = deferring.consider(exchange)
        if refusal is not None:
            return refusal
        if request.known:
            admission.remember(exchange.admission, request, routes)
    allowance = exchange.admission.allowance
    if allowance is not None:
        refusal = limiting.take(exchange, allowance)
        if refusal is not None:
            return refusal
        if exchange.waiting:
            return None
    return choose(exchange)


def choose(exchange: Exchange) -> Refusal | None:
    """What comes after all that may refuse or delay: version and replica."""
    if exchange.admission.deferred and exchange.worker.jobs is not None:
        exchange.replica = exchange.worker.jobs.replica
        return None
    return choices.choose_version(exchange) or choices.choose_replica(exchange)


def go_on(exchange: Exchange) -> Refusal | None:
    """A wait is over: before the gate, where nothing was chosen yet, or for the first replica of the version that was."""
    return choose(exchange) if exchange.version is None else choices.choose_replica(exchange)
