"""What control says of its route table, and what the gateways say of theirs: for status, metrics and `get gateways`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelway_platform.deploy.api.exchange import moment
from modelway_platform.discovery.embedded import Leases
from modelway_platform.gateway.control.publish import Publisher
from modelway_platform.gateway.control.table_source import TableSource
from modelway_platform.store.files.acknowledgements import read_acknowledgements


class PublisherFacts:
    """Facts as JSON values and gauges.

    Args:
        publisher: Who publishes the table.
        leases: Who answers.
        tables: What gateways elsewhere said.
        folder: Where workers on this machine leave their words.
    """

    def __init__(self, publisher: Publisher, leases: Leases, tables: TableSource, folder: Path) -> None:
        self._publisher = publisher
        self._leases = leases
        self._tables = tables
        self._folder = folder

    def status(self) -> Mapping[str, Any]:
        """The table there is."""
        state = self._publisher.state
        return {
            "number": state.number,
            "models": state.models,
            "replicas": state.replicas,
            "confirmed": state.confirmed,
            "refusal": state.refusal,
        }

    def gauges(self) -> Mapping[str, float]:
        """Samples for `/metrics`."""
        state = self._publisher.state
        return {
            "modelway_route_table_number": state.number,
            "modelway_route_tables_published_total": state.published,
            "modelway_route_tables_refused_total": state.refused,
            "modelway_route_table_confirmed_number": state.confirmed,
            "modelway_endpoints_held": self._leases.held,
        }

    def gateways(self) -> list[dict[str, Any]]:
        """The last word of each gateway worker, here and elsewhere."""
        here = [("", msgspec.to_builtins(each)) for each in read_acknowledgements(self._folder)]
        return [
            {
                "id": f"{name}/worker-{word['worker']}".lstrip("/"),
                "table": word["number"],
                "newest": self._publisher.state.number,
                "reason": word["reason"],
                "takenAt": moment(word["at"]),
            }
            for name, word in (*here, *self._tables.words())
        ]
