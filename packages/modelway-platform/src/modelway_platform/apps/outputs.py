"""The process that sends records and metrics on, as the supervisor starts it where there is an `outputs.toml`."""

import argparse
import hashlib
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import ModelwayError
from modelway_platform.apps.event_log import event_log
from modelway_platform.apps.model_server_list import model_servers_in
from modelway_platform.apps.output_settings import KafkaEntry, OtlpEntry, OutputEntry, ParquetEntry, read_outputs
from modelway_platform.apps.ports import tls_files
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls, replica_context
from modelway_platform.insight.collect.files import ledger_of
from modelway_platform.insight.outputs.position import position_file
from modelway_platform.insight.outputs.process import MakeOutput, OutputsSettings, run

if TYPE_CHECKING:
    from modelway_platform.insight.outputs.delivery import Delivering
    from modelway_platform.insight.outputs.otlp.model_servers import ModelServers
    from modelway_platform.insight.outputs.port import Output

PAYLOADS = ("request", "answer")

log = logging.getLogger("modelway_platform.apps.outputs")  # not `__main__`, which it is when run


@dataclass(frozen=True, kw_only=True)
class Around:
    """What outputs need of the platform.

    Args:
        directory: Its state.
        control: Base URL of control; empty for no metrics of it.
        gateway: Base URL of the gateway; likewise.
        replica_tls: By which replicas that speak HTTPS are believed.
    """

    directory: StateDirectory
    control: str = ""
    gateway: str = ""
    replica_tls: ReplicaTls | None = None

    @cached_property
    def model_servers(self) -> "ModelServers":
        """One for all outputs, so that each replica is asked once."""
        from modelway_platform.insight.outputs.otlp.model_servers import ModelServers  # noqa: PLC0415 - an extra's

        context = replica_context(self.replica_tls) if self.replica_tls is not None else None
        return ModelServers(model_servers_in(self.directory.table), context)


def main(arguments: Sequence[str] | None = None) -> int:
    """Sends until told to stop or the supervisor ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="modelway-outputs")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--control", default="")
    parser.add_argument("--gateway", default="")
    for name in ("--replica-ca", "--replica-cert", "--replica-key"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args(arguments)
    directory = StateDirectory(root=given.directory)
    tls = tls_files.replica_tls_of(given.replica_ca, given.replica_cert, given.replica_key)
    around = Around(directory=directory, control=given.control, gateway=given.gateway, replica_tls=tls)
    with event_log(directory.outputs_log, "outputs"):
        try:
            run(OutputsSettings(folder=directory.outputs, wanted=lambda: outputs_of(around), lifeline=given.lifeline))
        except ModelwayError as error:
            log.error("%s (%s)", error.message, error.hint)  # noqa: TRY400 - said in full
            return 1
        except Exception:
            log.exception("the outputs end")
            return 1
    return 0


def outputs_of(around: Around) -> Mapping[str, MakeOutput]:
    """What the file says now.

    Raises:
        InvalidRequestError: It cannot be used.
    """
    entries = read_outputs(around.directory.outputs_file).outputs
    if any(isinstance(each.of, OtlpEntry) and each.of.model_servers for each in entries.values()):
        _ = around.model_servers  # before several threads would make it
    return {name: MakeOutput(each.what, each, lambda each=each: _make(around, each)) for name, each in entries.items()}


def _make(around: Around, entry: OutputEntry) -> "Output":
    # What an output speaks with is large: only who has one loads it.
    from modelway_platform.insight.outputs.delivery import Delivering  # noqa: PLC0415

    delivering = Delivering(
        store=around.directory.log_store,
        ledger=ledger_of(around.directory.log_store),
        position=position_file(around.directory.outputs, entry.name),
        kinds=entry.records,
        left_out=() if entry.payloads else PAYLOADS,
    )
    match entry.of:
        case OtlpEntry():
            return _otlp(around, entry.of, delivering)
        case KafkaEntry():
            return _kafka(around, entry.of, delivering)
        case ParquetEntry():
            return _parquet(around, entry, entry.of)


def _otlp(around: Around, entry: OtlpEntry, delivering: "Delivering") -> "Output":
    from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings  # noqa: PLC0415 - as above
    from modelway_platform.insight.outputs.otlp.pages import page_at  # noqa: PLC0415

    pages = [("control", around.control, "/metrics"), ("gateway", around.gateway, "/_/metrics")]
    settings = OtlpSettings(
        target=entry.target,
        service=service_of(around.directory),
        # The gateway on this machine is asked by its address: its certificate is for other names.
        pages=[page_at(part, url + path, verify=False) for part, url, path in pages if url],
        servers=around.model_servers if entry.model_servers and entry.metrics_seconds else None,
        every=entry.metrics_seconds,
    )
    return OtlpOutput(settings, delivering)


def _kafka(around: Around, entry: KafkaEntry, delivering: "Delivering") -> "Output":
    from modelway_platform.insight.outputs.delivery import Delivery  # noqa: PLC0415 - as above
    from modelway_platform.insight.outputs.kafka.receiver import KafkaReceiver  # noqa: PLC0415
    from modelway_platform.insight.outputs.records_output import RecordsOutput  # noqa: PLC0415

    receiver = KafkaReceiver(entry.target, service_of(around.directory)["service.instance.id"])
    return RecordsOutput("kafka", Delivery(delivering, receiver))


def _parquet(around: Around, entry: OutputEntry, of: ParquetEntry) -> "Output":
    from modelway_platform.apps.output_places import objects_at, own_folder  # noqa: PLC0415 - as above
    from modelway_platform.insight.outputs.parquet.output import ParquetOutput, ParquetSettings  # noqa: PLC0415

    directory = around.directory
    settings = ParquetSettings(
        store=directory.log_store,
        ledger=ledger_of(directory.log_store),
        position=position_file(directory.outputs, entry.name),
        own=own_folder(directory, entry.name),
        kinds=entry.records,
        owner=service_of(directory)["service.instance.id"],
        take_over=of.take_over,
        every=of.every,
        keeping=of.keeping,
    )
    return ParquetOutput(settings, objects_at(directory, of.address))


def service_of(directory: StateDirectory) -> dict[str, str]:
    """Who we are, for receivers: the same over restarts, another one for another state directory."""
    mark = hashlib.sha256(f"outputs {directory.instance()}".encode()).hexdigest()
    return {
        "service.name": "modelway",
        "service.version": version("modelway-platform"),
        "service.instance.id": mark[:16],
    }


if __name__ == "__main__":
    sys.exit(main())
