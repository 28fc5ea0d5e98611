"""Options of `modelway serve` that follow from a replica's spec, the same wherever it runs."""

from modelway_platform.deploy.operators.port import ReplicaSpec


def serve_options(spec: ReplicaSpec) -> tuple[str, ...]:
    """Who the replica is, its workers, model processes and devices, and its time to drain."""
    processes, devices = spec.processes.count, spec.processes.devices
    return (
        *("--name", str(spec.key), "--drain-seconds", f"{spec.drain_seconds:g}", "--workers", str(spec.workers)),
        *(("--model-processes", str(processes)) if processes else ()),
        *(("--device", ",".join(devices)) if devices else ()),
    )
