"""The process of one gateway worker, as the supervisor starts it."""

import argparse
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from modelway_platform.apps.ports import tls_files
from modelway_platform.apps.state_directory import JOBS_SECRET, StateDirectory
from modelway_platform.gateway.proxy import worker

LIMITS_VARIABLE = "MODELWAY_LIMITS_URL"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves one share of the gateway's port until told to stop or the supervisor ends."""
    parser = argparse.ArgumentParser(prog="modelway-gateway")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--socket", type=int, default=None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--max-connections-per-address", type=int, default=0)
    parser.add_argument("--jobs-port", type=int, default=0)
    parser.add_argument("--grpc-port", type=int, default=0)
    parser.add_argument("--grpc-socket", type=int, default=None)
    parser.add_argument("--name", default=socket.gethostname())
    tls_files.add_arguments(parser)
    given = parser.parse_args(arguments)
    directory = StateDirectory(root=given.directory)
    worker.run(
        worker.WorkerSettings(
            index=given.index,
            gateway=given.name,
            workers=given.workers,
            limits_url=os.environ.get(LIMITS_VARIABLE, ""),
            host=given.host,
            port=given.port,
            listening_fd=given.socket,
            grpc_port=given.grpc_port,
            grpc_listening_fd=given.grpc_socket,
            table_path=directory.table,
            log_dir=directory.access_logs,
            metrics_path=directory.worker_metrics(given.index),
            control_fd=given.lifeline,
            certificates=tls_files.pairs_of(given.tls_cert, given.tls_key),
            jobs_port=given.jobs_port,
            jobs_secret=directory.kept_secret(JOBS_SECRET) if given.jobs_port else "",
            max_connections_per_address=given.max_connections_per_address,
            replica_tls=tls_files.replica_tls_of(given.replica_ca, given.replica_cert, given.replica_key),
        )
    )


if __name__ == "__main__":
    main()
