"""Where the models of this platform stand, for the watching process: out of what is declared and the route table's file."""

from collections.abc import Mapping
from pathlib import Path

from modelway.errors import ModelwayError
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.domain.identity import ModelKey
from modelway_platform.insight.anomalies.places import ModelPlaces
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.files.table_file import read_table


def model_places(directory: StateDirectory, documents: Documents) -> ModelPlaces:
    """Of the platform in this directory."""
    return ModelPlaces(lambda: clusters_of(documents), lambda: hosts_of(directory.table), directory.shipped)


def clusters_of(documents: Documents) -> Mapping[ModelKey, frozenset[str]]:
    """The clusters of each model's deployments."""
    found: dict[ModelKey, frozenset[str]] = {}
    for each in documents.declared().deployments:
        key = each.key.model_key
        found[key] = found.get(key, frozenset()) | set(each.deployment.clusters)
    return found


def hosts_of(table: Path) -> Mapping[ModelKey, frozenset[str]]:
    """The addresses of each model's replicas; nothing where there is no table yet."""
    try:
        models = read_table(table).models
    except (OSError, ModelwayError):
        return {}
    return {
        ModelKey(each.project, each.model): frozenset(
            replica.host for version in each.versions for replica in version.replicas
        )
        for each in models
    }
