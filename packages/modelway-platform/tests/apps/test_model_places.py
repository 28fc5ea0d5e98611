"""Where models stand, out of a real database and a real route table."""

from pathlib import Path

from modelway_platform.apps.model_places import clusters_of, hosts_of, model_places
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.domain.anomalies.shared_trouble import Shared
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.files.table_file import write_table

KEY = ModelKey("vision", "digits")


def test_clusters_come_from_documents_and_nodes_from_the_table(tmp_path: Path) -> None:
    directory = StateDirectory(root=tmp_path)
    assert hosts_of(directory.table) == {}, "there is no table yet"
    replicas = tuple(ReplicaEntry(id=host, host=host, port=9000) for host in ("10.0.0.7", "127.0.0.1"))
    entry = ModelEntry(
        project="vision", model="digits", access="key", idempotent=False, timeout_seconds=30.0, max_body_bytes=10,
        versions=(VersionEntry(version="v1", weight=1, replicas=replicas),),
    )  # fmt: skip
    write_table(directory.table, RouteTable(number=1, models=(entry,), keys=()))
    with Database.open(directory.database) as database:
        documents = Documents(database)
        for version, cluster in (("v1", "east"), ("v2", "west")):
            key = VersionKey("vision", "digits", version)
            documents.apply_deployment(Deployment(key=key, package="sha256:" + "a" * 64, cluster=cluster))
        assert clusters_of(documents) == {KEY: {"east", "west"}}
        places = model_places(directory, documents).of([KEY, ModelKey("vision", "other")])
    assert places[KEY] == {
        Shared("project", "vision"), Shared("cluster", "east"), Shared("cluster", "west"), Shared("node", "10.0.0.7"),
    }  # fmt: skip
    assert places[ModelKey("vision", "other")] == {Shared("project", "vision")}
