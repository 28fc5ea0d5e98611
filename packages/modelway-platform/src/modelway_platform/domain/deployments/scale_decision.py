"""How many replicas a load needs: what was measured in, a number and its reason out; nothing else is read or done.

Two windows decide, as in Knative's pod autoscaler (knative/serving, pkg/autoscaler/scaling/autoscaler.go). The stable one follows the
load. The panic one, a tenth as long, sees a rise that what is ready cannot bear: then nothing is taken away until a whole stable window
has passed without another. Fewer replicas come only when both windows and all recommendations of a while agree, as with Kubernetes'
`behavior.scaleDown.stabilizationWindowSeconds`, a tenth more or less changes nothing (its tolerance), and each step halves at most.
What is not known never takes a replica away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from modelway_platform.domain.deployments.autoscale import Autoscale

TOLERANCE = 0.1
PANIC_FACTOR = 2
# At most so many times what is ready at once: what has only been started shows first whether it helps.
GROWTH = 4
SHRINK = 2
# Older than this, what gateways said last is no measurement.
STALE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSample:
    """What all gateways together said at one moment.

    Args:
        at: When, in seconds of Unix time.
        in_flight: Requests with replicas or held, on average since the sample before.
        held: How many of them wait for a first replica.
        active: Whether there was any request since the sample before.
        complete: Whether nobody was missing; a load that is not complete may be larger.
    """

    at: float
    in_flight: float = 0.0
    held: int = 0
    active: bool = False
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one decision leaves for the next; times in seconds of Unix time.

    Args:
        since: From when on there are samples without a gap.
        active_at: When there was a request last.
        panic_until: Nothing is taken away before.
        advised: What was found needed, newest last; without those that a newer one exceeds.
        shrunk_at: When replicas were taken away last.
    """

    since: float
    active_at: float
    panic_until: float = 0.0
    advised: tuple[tuple[float, int], ...] = ()
    shrunk_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How many replicas there shall be, why, and what to remember."""

    wanted: int
    why: str
    memory: Memory


def decide_scale(
    policy: Autoscale, samples: Sequence[LoadSample], *, ready: int, wanted: int, memory: Memory, now: float
) -> Scale:
    """The number of replicas from now on.

    Args:
        policy: What is declared.
        samples: What was measured, oldest first; those of the stable window at least.
        ready: Replicas that answer.
        wanted: How many shall be there so far.
        memory: What the last decision left.
        now: Unix time in seconds.
    """
    if not samples or now - samples[-1].at > STALE_SECONDS:
        within = _within(policy, wanted)
        return Scale(wanted=within, why=f"no gateway says how much there is to do: {within} stay", memory=memory)
    newest = samples[-1]
    if newest.active or newest.held or newest.in_flight > 0:
        memory = replace(memory, active_at=newest.at)
    if wanted == 0 or (policy.min_replicas == 0 and _is_idle(policy, newest, memory, now)):
        return _at_zero(policy, newest, wanted=wanted, memory=memory, now=now)
    return _by_load(policy, samples, ready=ready, wanted=wanted, memory=memory, now=now)


def _is_idle(policy: Autoscale, newest: LoadSample, memory: Memory, now: float) -> bool:
    return newest.complete and now - max(memory.active_at, memory.since) >= policy.zero.idle_seconds


def _at_zero(policy: Autoscale, newest: LoadSample, *, wanted: int, memory: Memory, now: float) -> Scale:
    """Down to nothing, or up from it: both at once."""
    if newest.held or newest.in_flight > 0 or (wanted == 0 and newest.active):
        needed = min(_within(policy, max(_needed(newest.in_flight, policy, 0), 1)), GROWTH)
        waiting = f"{newest.held} held" if newest.held else "requests came"
        return Scale(wanted=needed, why=f"woken: {waiting} while it slept", memory=replace(memory, advised=()))
    least = _within(policy, 0)
    if least:
        return Scale(wanted=least, why=f"minReplicas is {policy.min_replicas}", memory=memory)
    if wanted:
        memory = replace(memory, shrunk_at=now, advised=(), panic_until=0.0)
    return Scale(
        wanted=0, why=f"asleep: no request for {policy.zero.idle_seconds:g} s; the next one wakes it", memory=memory
    )


def _by_load(
    policy: Autoscale, samples: Sequence[LoadSample], *, ready: int, wanted: int, memory: Memory, now: float
) -> Scale:
    stable = _mean(samples, now - policy.stable_seconds)
    panic = _mean(samples, now - policy.panic_seconds)
    by_stable, by_panic = _needed(stable, policy, wanted), _needed(panic, policy, wanted)
    if by_panic >= PANIC_FACTOR * max(ready, 1) and by_panic > ready:
        memory = replace(memory, panic_until=now + policy.stable_seconds)
    panics = now < memory.panic_until
    needed = max(by_stable, by_panic) if panics or by_stable < wanted else by_stable
    since = now - policy.down_seconds
    # Of an older advice to have no more than this one, nothing would be heard any more.
    advised = (*(each for each in memory.advised if each[0] > since and each[1] > needed), (now, needed))
    memory = replace(memory, advised=advised)
    load = f"{stable:.1f} in flight over {policy.stable_seconds:g} s, {policy.in_flight:g} for each"
    if panics and by_panic >= wanted:
        load = f"{panic:.1f} in flight over {policy.panic_seconds:g} s, {policy.in_flight:g} for each"
    if needed >= wanted:
        return _more(policy, needed, wanted=wanted, ready=ready, memory=memory, load=load)
    return _fewer(policy, needed, samples[-1], wanted=wanted, memory=memory, now=now, load=load)


def _more(policy: Autoscale, needed: int, *, wanted: int, ready: int, memory: Memory, load: str) -> Scale:
    found = _within(policy, max(min(needed, GROWTH * max(ready, 1)), wanted))
    if needed > policy.max_replicas:
        load = f"{load}; {needed} would be needed, maxReplicas is {policy.max_replicas}"
    elif found < needed:
        load = f"{load}; {needed} are needed, in steps of what is ready times {GROWTH}"
    return Scale(wanted=found, why=load, memory=memory)


def _fewer(
    policy: Autoscale, needed: int, newest: LoadSample, *, wanted: int, memory: Memory, now: float, load: str
) -> Scale:
    kept = _within(policy, wanted)
    reason = ""
    if not newest.complete:
        reason = "not all gateways are heard"
    elif now - memory.since < policy.stable_seconds:
        reason = f"the load is watched for {now - memory.since:.0f} of {policy.stable_seconds:g} s only"
    elif now < memory.panic_until:
        reason = "there was a sudden rise a moment ago"
    elif now - memory.shrunk_at < min(policy.panic_seconds, policy.down_seconds):
        reason = "some have just gone"
    if reason:
        return Scale(wanted=kept, why=f"{load}; none goes: {reason}", memory=memory)
    lasting = max(count for _, count in memory.advised)
    floor = max(lasting, wanted // SHRINK, 1)
    found = min(_within(policy, floor), kept)
    if found < wanted:
        memory = replace(memory, shrunk_at=now)
    elif needed < kept and lasting > needed:
        load = f"{load}; none goes yet: {lasting} were needed in the last {policy.down_seconds:g} s"
    return Scale(wanted=found, why=load, memory=memory)


def _needed(load: float, policy: Autoscale, wanted: int) -> int:
    """Replicas for so many in flight; those there are where it makes no difference of more than the tolerance."""
    if wanted and abs(load / (policy.in_flight * wanted) - 1) <= TOLERANCE:
        return wanted
    return ceil(load / policy.in_flight - 1e-9)


def _within(policy: Autoscale, count: int) -> int:
    return min(max(count, policy.min_replicas), policy.max_replicas)


def _mean(samples: Sequence[LoadSample], since: float) -> float:
    """Over the samples from then on; of the newest alone where all are older."""
    total, count = 0.0, 0
    for sample in reversed(samples):
        if sample.at < since and count:
            break
        total += sample.in_flight
        count += 1
    return total / count
