"""From the last stage to a replica: take a connection or make one, send, and send again where that is safe.

Safe means: nothing of the answer has reached the caller, all that was sent is still at hand, and either the replica was never
reached or the request is idempotent: by its method (RFC 9110, section 9.2.2), by the Route, or by an `Idempotency-Key`. It goes to a
replica it was not with, a moment later, as often as the Route allows and while the model's budget lasts.
"""

import asyncio
import random
import ssl

from modelway_platform.domain.routing.resilience.resilience import Retries
from modelway_platform.gateway.proxy import time_limits
from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.choices import no_ready_replica
from modelway_platform.gateway.proxy.deferring import JOBS_AWAY
from modelway_platform.gateway.proxy.exchange import REPLAY_BYTES, Exchange
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica
from modelway_platform.gateway.proxy.replicas.replica_connection import ReplicaConnection
from modelway_platform.gateway.proxy.replicas.replica_failures import BROKEN_OFF

FIRST_BACK_OFF = 0.005
LONGEST_BACK_OFF = 0.05
CONNECT_SECONDS = 1.0
SECURE_CONNECT_SECONDS = 3.0
IDLE_SECONDS = 30.0
DOUBTFUL_SECONDS = 1.0


def send_whole(exchange: Exchange, request: bytes) -> None:
    """Write a request that is all there, which most are, over an idle connection or a new one."""
    replica = exchange.replica
    connection = _idle_connection(replica, exchange.clock) if replica is not None else None
    if connection is None:
        exchange.pending.append(request)
        flush(exchange)
        return
    if len(request) <= REPLAY_BYTES:
        exchange.sent = [request]
        exchange.sent_bytes = len(request)
    else:
        exchange.replayable = False
    connection.carry(exchange, request)


def flush(exchange: Exchange) -> None:
    """Write what is pending of the request, over its connection, an idle one or a new one."""
    connection = exchange.connection
    if connection is not None:
        connection.write(exchange.take_pending())
        return
    replica = exchange.replica
    if exchange.connecting or replica is None:
        return
    connection = _idle_connection(replica, exchange.caller.clock)  # a retry may come long after the request
    if connection is not None:
        connection.carry(exchange, exchange.take_pending())
        return
    exchange.connecting = True
    task = exchange.worker.loop.create_task(_connect(exchange, replica))
    exchange.worker.tasks.add(task)
    task.add_done_callback(exchange.worker.tasks.discard)


def _idle_connection(replica: LiveReplica, clock: float) -> ReplicaConnection | None:
    idle = replica.idle
    while idle:
        connection = idle.pop()
        # Unused for long, it may just now be closing: asking the system costs less than a lost request.
        rested = clock - connection.idle_since
        if connection.is_open and (rested < DOUBTFUL_SECONDS or connection.is_quiet()):
            return connection
        connection.close()
    return None


def connection_failed(exchange: Exchange, replica: LiveReplica, *, reached: bool = True) -> None:
    """A connection could not be made (`reached` false) or broke under an exchange: try another replica, or say so."""
    exchange.connection = None
    caller = exchange.caller
    replica.failed(caller.clock)
    if not caller.is_current(exchange):
        return
    if caller.answer_started:
        caller.answer_broke(exchange)
        return
    if exchange.admission.deferred:
        caller.refuse(exchange, JOBS_AWAY)
    elif not try_again(exchange, "reset" if reached else "connect"):
        refusal = BROKEN_OFF if reached else _wait_for_another(exchange)
        if refusal is not None:
            caller.refuse(exchange, refusal)


def _wait_for_another(exchange: Exchange) -> Refusal | None:
    """The last replica of a version that may sleep went just now: wait for the next, or say that there is none."""
    version = exchange.version
    if version is None or version.line is None or not version.line.holds or not exchange.replayable:
        return no_ready_replica(exchange)
    exchange.replica, exchange.tried = None, ()
    exchange.rewind()
    return version.line.enter_again(exchange)


def try_again(exchange: Exchange, cause: str) -> bool:
    """Send the request to another replica in a moment, where that is allowed; else nothing has changed.

    Args:
        exchange: Nothing of its answer has reached the caller. It leaves its connection to whoever calls this.
        cause: `connect`, `reset`, `timeout` or the answer's status.
    """
    version, model, replica = exchange.version, exchange.admission.model, exchange.replica
    if version is None or model is None or replica is None or not _may_retry(exchange, model.retries, cause):
        return False
    clock = exchange.caller.clock
    tried = (*exchange.tried, replica)
    if all(each in tried for each in version.replicas):
        return False
    if not model.budget.take(clock):
        version.metrics.retries_denied += 1
        return False
    exchange.tried = tried
    exchange.replica = version.choose_replica(clock, tried)
    exchange.plain = False
    exchange.retries += 1
    exchange.rewind()
    exchange.connecting = True  # nobody else makes a connection meanwhile
    exchange.worker.loop.call_later(_back_off(exchange.retries), _send_again, exchange)
    return True


def _may_retry(exchange: Exchange, retries: Retries, cause: str) -> bool:
    if exchange.retries + 1 >= retries.attempts or not exchange.replayable:
        return False
    if cause == "timeout":
        return exchange.admission.idempotent
    return cause in retries.on and (cause == "connect" or exchange.admission.idempotent)


def _back_off(retries: int) -> float:
    """Doubling, and spread so that those that failed together do not come again together."""
    longest = min(FIRST_BACK_OFF * 2 ** (retries - 1), LONGEST_BACK_OFF)
    return random.uniform(longest / 2, longest)  # noqa: S311 (no secret)


def _send_again(exchange: Exchange) -> None:
    exchange.connecting = False
    caller = exchange.caller
    if not caller.is_current(exchange):
        return
    if exchange.admission.timed:
        time_limits.renew(exchange)
        caller.begin_try(exchange)
    caller.resume_request()  # first: `flush` may pause again
    flush(exchange)


def close_idle(replica: LiveReplica, clock: float) -> None:
    """Close connections unused for `IDLE_SECONDS`: sooner than replicas do, so that no request meets a closing one."""
    kept: list[ReplicaConnection] = []
    for connection in replica.idle:
        if clock - connection.idle_since > IDLE_SECONDS:
            connection.close()
        else:
            kept.append(connection)
    replica.idle[:] = kept


async def _connect(exchange: Exchange, replica: LiveReplica) -> None:
    caller = exchange.caller
    entry = replica.entry
    replica.connections += 1
    try:
        model = exchange.admission.model
        context = exchange.worker.replica_context if entry.secure else None
        if entry.secure and context is None:
            raise OSError("this gateway was not told whom to believe")  # noqa: TRY301 - as good as not reached
        seconds = CONNECT_SECONDS if context is None else SECURE_CONNECT_SECONDS
        if model is not None and model.per_try:
            seconds = min(seconds, model.per_try)
        async with asyncio.timeout(seconds):
            _, connection = await exchange.worker.loop.create_connection(
                lambda: ReplicaConnection(replica),
                entry.host,
                entry.port,
                ssl=context,
                server_hostname=entry.host if context is not None else None,
            )
    except (OSError, TimeoutError, ValueError) as error:  # ValueError: a host name that cannot be looked up
        exchange.connecting = False
        if isinstance(error, ssl.SSLError):
            exchange.worker.metrics.edge.replicas_not_believed += 1
        connection_failed(exchange, replica, reached=False)
        return
    finally:
        replica.connections -= 1  # from here on the connection counts itself
    exchange.connecting = False
    if not caller.is_current(exchange):
        if replica.removed:
            connection.close()
        else:
            connection.idle_since = caller.clock
            replica.idle.append(connection)
        return
    caller.resume_request()  # first: `carry` may pause again
    connection.carry(exchange, exchange.take_pending())
