"""Files that some servers want to find before they start: configuration, an archive of the model."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.servers import models

SERVERS = Path(__file__).parent / "servers"


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ones; the third is for whatever else a server opens."""

    http: int
    grpc: int
    more: int
    last: int
    spare: int


def prepare(peer: str, workload: str, ports: Ports, folder: Path, binaries: Path) -> None:
    """Write what `peer` wants into `folder`."""
    if peer in _WRITERS:
        _WRITERS[peer](workload, ports, folder, binaries)


def _mlserver(workload: str, ports: Ports, folder: Path, binaries: Path) -> None:
    settings = {
        "host": "127.0.0.1",
        "http_port": ports.http,
        "grpc_port": ports.grpc,
        "metrics_port": ports.more,
        "parallel_workers": 0,
        "debug": False,
        "metrics_endpoint": None,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    limits = {"max_batch_size": models.MAX_BATCH, "max_batch_time": models.WINDOW_SECONDS}
    model = {
        "name": "model",
        "implementation": "mlserver_model.Predict",
        **(limits if models.batched(workload) else {}),
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "mlserver_model.py").symlink_to(SERVERS / "mlserver_model.py")


def _torchserve(workload: str, ports: Ports, folder: Path, binaries: Path) -> None:
    together = models.batched(workload)
    frontend = {
        "batchSize": models.MAX_BATCH if together else 1,
        "maxBatchDelay": int(models.WINDOW_SECONDS * 1000) if together else 1,
        "minWorkers": 1,
        "maxWorkers": 1,
        "jobQueueSize": 4096,
    }
    (folder / "model.yaml").write_text("".join(f"{key}: {value}\n" for key, value in frontend.items()))
    command = [
        *(str(binaries / "torch-model-archiver"), "--model-name", "model", "--version", "1", "--force"),
        *("--handler", str(SERVERS / "torchserve_handler.py"), "--export-path", str(folder)),
        *("--config-file", str(folder / "model.yaml")),
    ]
    subprocess.run(command, check=True, capture_output=True)
    lines = [
        f"inference_address=http://127.0.0.1:{ports.http}",
        f"management_address=http://127.0.0.1:{ports.more}",
        f"metrics_address=http://127.0.0.1:{ports.last}",
        f"grpc_inference_port={ports.grpc}",
        f"grpc_management_port={ports.spare}",
        *(
            "load_models=model=model.mar",
            "default_workers_per_model=1",
            "job_queue_size=4096",
            "enable_envvars_config=true",
        ),
    ]
    (folder / "config.properties").write_text("\n".join(lines))


_WRITERS: dict[str, Callable[[str, Ports, Path, Path], None]] = {"mlserver": _mlserver, "torchserve": _torchserve}
