"""What control tells of replicas that gateway workers leave out."""

from pathlib import Path

from modelway_platform.apps.explaining import replicas_left_out
from modelway_platform.gateway.proxy.metrics import Snapshot, write_snapshot
from modelway_platform.gateway.proxy.replica_health import SeenReplica


def test_each_worker_is_counted(tmp_path: Path) -> None:
    def seen(replica: str, *, up: bool) -> SeenReplica:
        return SeenReplica("p", "m", "v1", replica, up=up)

    assert replicas_left_out(tmp_path) == {}
    snapshots = ([seen("a", up=False), seen("b", up=True)], [seen("a", up=False), seen("b", up=False)])
    for number, replicas in enumerate(snapshots):
        write_snapshot(tmp_path / f"worker-{number}.metrics.json", Snapshot(replicas=replicas))
    assert replicas_left_out(tmp_path) == {"a": 2, "b": 1}
