"""How many replicas a deployment has where its load decides: a Deployment's `autoscale`, and what gateways need to know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.parsing.document_fields import Fields

MOST_REPLICAS = 100
MOST_SECONDS = 86_400
MOST_HELD = 100_000
MOST_HELD_BYTES = 16 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleToZero:
    """When the last replica goes, and how requests wait for the next one.

    Args:
        idle_seconds: The last replica goes when for so long there was no request.
        hold_requests: As many wait on one gateway machine at most while a replica starts; more are refused.
        hold_bytes: As many bytes of them, likewise.
        hold_seconds: A request waits no longer than this.
    """

    idle_seconds: float = 300.0
    hold_requests: int = 1000
    hold_bytes: int = 64 * 1024 * 1024
    hold_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscale:
    """What the number of replicas follows.

    Args:
        min_replicas: Never fewer; with 0 the deployment may sleep.
        max_replicas: Never more.
        in_flight: Requests in flight that one replica shall have, on average; 0 where the cluster itself decides.
        cpu_percent: Share of its CPUs that one replica shall use, on average, in percent, as the cluster's own autoscaler sees it; 0: requests count.
        stable_seconds: Over how long the load is averaged.
        panic_seconds: The short window in which twice the load of what is ready is answered at once.
        down_seconds: Fewer only when for so long no more were needed.
        zero: What holds with `min_replicas` 0.
    """

    min_replicas: int = 1
    max_replicas: int
    in_flight: float = 0.0
    cpu_percent: int = 0
    stable_seconds: float = 60.0
    panic_seconds: float = 6.0
    down_seconds: float = 60.0
    zero: ScaleToZero = ScaleToZero()

    @property
    def first(self) -> int:
        """With how many a new revision begins: one at least, so that it is seen whether it starts at all."""
        return max(self.min_replicas, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingEntry:
    """What gateways know of a version whose number of replicas follows its load.

    Args:
        hold_requests: How many requests may wait for its first replica, over all workers of a gateway; 0: none waits.
        hold_bytes: How many bytes of them.
        hold_seconds: For how long.
        broken: Whether it was seen not to start; then nobody waits for it.
    """

    hold_requests: int = 0
    hold_bytes: int = 0
    hold_seconds: float = 0.0
    broken: bool = False


def scaling_entry(autoscale: Autoscale | None, *, broken: bool = False) -> ScalingEntry | None:
    """What gateways are told; nothing where the number is fixed."""
    if autoscale is None:
        return None
    if autoscale.min_replicas:
        return ScalingEntry()
    zero = autoscale.zero
    return ScalingEntry(
        hold_requests=zero.hold_requests, hold_bytes=zero.hold_bytes, hold_seconds=zero.hold_seconds, broken=broken
    )


def scaling_problem(entry: ScalingEntry | None) -> str:
    """What speaks against telling it gateways; empty for a sound one."""
    if entry is None:
        return ""
    if not (0 <= entry.hold_requests <= MOST_HELD and 0 <= entry.hold_bytes <= MOST_HELD_BYTES):
        return f"{entry.hold_requests} requests of {entry.hold_bytes} bytes cannot be held"
    return "" if 0 <= entry.hold_seconds <= MOST_SECONDS else f"no request is held for {entry.hold_seconds} s"


def read_autoscale(spec: Fields) -> Autoscale | None:
    """`autoscale: {maxReplicas: 4, target: {inFlightPerReplica: 8}}`, or `{cpuPercent: 70}`; None where it is left out."""
    fields = spec.optional_mapping("autoscale")
    if fields is None:
        return None
    in_flight, cpu_percent = _read_target(fields.mapping("target"))
    found = Autoscale(
        min_replicas=fields.integer("minReplicas", 1, 0, MOST_REPLICAS),
        max_replicas=fields.integer("maxReplicas", None, 1, MOST_REPLICAS),
        in_flight=in_flight,
        cpu_percent=cpu_percent,
        stable_seconds=fields.number("stableWindowSeconds", 60.0, 1, 3600),
        panic_seconds=fields.number("panicWindowSeconds", 6.0, 1, 3600),
        down_seconds=fields.number("scaleDownDelaySeconds", 60.0, 0, MOST_SECONDS),
        zero=_read_zero(fields),
    )
    if found.min_replicas > found.max_replicas:
        message = f"spec.autoscale.minReplicas: {found.min_replicas} is more than maxReplicas, {found.max_replicas}"
        fields.complain(fields.mark_of("minReplicas"), message, "lower it, or raise maxReplicas")
    if found.panic_seconds > found.stable_seconds:
        message = f"spec.autoscale.panicWindowSeconds: longer than stableWindowSeconds, {found.stable_seconds:g}"
        fields.complain(fields.mark_of("panicWindowSeconds"), message, "a tenth of it is usual")
    if found.min_replicas and "scaleToZero" in fields.names():
        message = f"spec.autoscale.scaleToZero: never happens with minReplicas {found.min_replicas}"
        fields.complain(fields.mark_of("scaleToZero"), message, "set minReplicas: 0, or leave it out")
    if found.cpu_percent:
        _complain_of_requests(fields, found)
    fields.finish()
    return found


def _complain_of_requests(fields: Fields, found: Autoscale) -> None:
    """What has no meaning where requests do not count."""
    if not found.min_replicas:
        message = "spec.autoscale.minReplicas: with cpuPercent no request wakes a deployment, so one replica stays"
        fields.complain(fields.mark_of("minReplicas"), message, "minReplicas: 1, or target: {inFlightPerReplica: …}")
    for name in ("stableWindowSeconds", "panicWindowSeconds", "scaleDownDelaySeconds"):
        if name in fields.names():
            message = f"spec.autoscale.{name}: with cpuPercent the cluster's autoscaler decides by its own"
            fields.complain(fields.mark_of(name), message, "leave it out")


def _read_target(target: Fields | None) -> tuple[float, int]:
    """Requests in flight, and percent of CPU: one of them is 0."""
    if target is None:
        return 1.0, 0
    names = target.names()
    if ("inFlightPerReplica" in names) == ("cpuPercent" in names):
        message = "spec.autoscale.target: name one of inFlightPerReplica and cpuPercent"
        target.complain(target.mark_of(""), message, "inFlightPerReplica: 8")
    cpu_percent = target.integer("cpuPercent", 0, 1, 100) if "cpuPercent" in names else 0
    in_flight = 0.0 if cpu_percent else target.number("inFlightPerReplica", 1.0, 0.01, 100_000)
    target.finish()
    return in_flight, cpu_percent


def _read_zero(fields: Fields) -> ScaleToZero:
    zero = fields.optional_mapping("scaleToZero")
    usual = ScaleToZero()
    if zero is None:
        return usual
    found = ScaleToZero(
        idle_seconds=zero.number("idleSeconds", usual.idle_seconds, 1, MOST_SECONDS),
        hold_requests=zero.integer("holdRequests", usual.hold_requests, 1, MOST_HELD),
        hold_bytes=zero.integer("holdBytes", usual.hold_bytes, 1024, MOST_HELD_BYTES),
        hold_seconds=zero.number("holdSeconds", usual.hold_seconds, 0.1, 3600),
    )
    zero.finish()
    return found


def autoscale_to_json(autoscale: Autoscale | None) -> dict[str, Any]:
    """Members of a spec; nothing where nothing is declared, so that older documents stay as they are."""
    if autoscale is None:
        return {}
    found: dict[str, Any] = {
        "minReplicas": autoscale.min_replicas,
        "maxReplicas": autoscale.max_replicas,
        "target": {"cpuPercent": autoscale.cpu_percent}
        if autoscale.cpu_percent
        else {"inFlightPerReplica": _plain(autoscale.in_flight)},
        "stableWindowSeconds": _plain(autoscale.stable_seconds),
        "panicWindowSeconds": _plain(autoscale.panic_seconds),
        "scaleDownDelaySeconds": _plain(autoscale.down_seconds),
    }
    if not autoscale.min_replicas:
        found["scaleToZero"] = {
            "idleSeconds": _plain(autoscale.zero.idle_seconds),
            "holdRequests": autoscale.zero.hold_requests,
            "holdBytes": autoscale.zero.hold_bytes,
            "holdSeconds": _plain(autoscale.zero.hold_seconds),
        }
    return {"autoscale": found}


def autoscale_from_json(spec: Mapping[str, Any]) -> Autoscale | None:
    """The reverse of `autoscale_to_json`."""
    found = spec.get("autoscale")
    if found is None:
        return None
    zero = found.get("scaleToZero")
    return Autoscale(
        min_replicas=found["minReplicas"],
        max_replicas=found["maxReplicas"],
        in_flight=float(found["target"].get("inFlightPerReplica", 0.0)),
        cpu_percent=found["target"].get("cpuPercent", 0),
        stable_seconds=float(found["stableWindowSeconds"]),
        panic_seconds=float(found["panicWindowSeconds"]),
        down_seconds=float(found["scaleDownDelaySeconds"]),
        zero=ScaleToZero()
        if zero is None
        else ScaleToZero(
            idle_seconds=float(zero["idleSeconds"]),
            hold_requests=zero["holdRequests"],
            hold_bytes=zero["holdBytes"],
            hold_seconds=float(zero["holdSeconds"]),
        ),
    )


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number
