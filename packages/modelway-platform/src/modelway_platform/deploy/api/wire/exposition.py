"""Prometheus text (exposition format 0.0.4): families with what they mean and what they are."""

from collections.abc import Iterator, Mapping

# Samples that other parts of the platform hand in by name.
_ABOUT = {
    "modelway_route_table_number": "Number of the newest route table.",
    "modelway_route_tables_published_total": "Route tables published since the start.",
    "modelway_route_tables_refused_total": "Route tables that were not published, because they would have been invalid.",
    "modelway_route_table_confirmed_number": "Number of the route table that every live gateway worker uses at least.",
    "modelway_endpoints_held": "Replicas whose lease has ended but which are kept, for too many would go at once.",
    "modelway_autoscale_wanted_replicas": "Replicas that a deployment shall have by its load.",
    "modelway_autoscale_in_flight": "Requests in flight or held over all gateways, as its number of replicas follows them.",
    "modelway_autoscale_held_requests": "Requests that wait at gateways for its first replica.",
    "modelway_logs_collector_silent_seconds": "How long ago the collector took its last turn.",
    "modelway_logs_collector_failing": "Whether its last turn failed.",
    "modelway_logs_records_total": "Records taken into the store, by kind.",
    "modelway_logs_set_aside_total": "Lines that were no records, by kind.",
    "modelway_logs_expired_total": "Records let go for their age or for want of room, by kind.",
    "modelway_logs_files": "Parquet files of the store, by kind.",
    "modelway_logs_bytes": "Octets of those files, by kind.",
    "modelway_logs_behind_bytes": "Octets of segments that are not taken yet, by kind.",
    "modelway_outputs_silent_seconds": "How long ago the outputs said how they stand.",
    "modelway_outputs_settings_failing": "Whether outputs.toml cannot be used.",
    "modelway_output_failing": "Whether the last try to send failed.",
    "modelway_output_lag_seconds": "How long the oldest record that is still to be sent has been waiting.",
    "modelway_output_waiting_records": "Records that are still to be sent.",
    "modelway_output_sent_records_total": "Records that arrived, by kind.",
    "modelway_output_refused_records_total": "Records that the receiver will never take, by kind.",
    "modelway_output_dropped_records_total": "Records that had to be let go before they could be sent, by kind.",
    "modelway_output_objects": "Parquet objects that count.",
    "modelway_output_bytes": "Octets of those objects.",
    "modelway_output_expired_records_total": "Records let go there for their age or for want of room.",
    "modelway_output_metric_points_sent_total": "Data points of metrics that arrived.",
    "modelway_output_metric_points_dropped_total": "Data points of metrics that did not.",
    "modelway_output_metric_pages_unread_total": "Pages of metrics that could not be had or read.",
    "modelway_output_metric_model_servers": "Model servers whose metrics were had last.",
    "modelway_output_metric_model_servers_left_out": "Model servers that were not asked, for there are too many.",
}


def family(name: str, kind: str, about: str, samples: Mapping[str, float]) -> list[str]:
    """One family; `samples` are by their labels, `{a="b"}` or empty."""
    head = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    return [
        *head,
        *(f"{name}{labels} {int(value) if value == int(value) else value!r}" for labels, value in samples.items()),
    ]


def families(samples: Mapping[str, float]) -> Iterator[str]:
    """Lines of all families among `samples`, which are by name and labels, each family's together."""
    found: dict[str, dict[str, float]] = {}
    for full, value in samples.items():
        name, brace, labels = full.partition("{")
        found.setdefault(name, {})[brace + labels] = value
    for name, each in found.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        yield from family(name, kind, _ABOUT.get(name, "See the documentation."), each)
