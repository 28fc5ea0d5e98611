"""Route tables against golden files: `<case>.in.yaml` says what is declared and observed, `<case>.out.yaml` the table.

`REWRITE=1 .venv/bin/pytest packages/modelway-platform/tests/domain/table/test_compile_route_table.py` rewrites the latter.
"""

import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ApiKeyRecord, Declared, DeploymentRecord, RouteRecord
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.table.check_route_table import problems_of
from modelway_platform.domain.table.compile_route_table import compile_table
from modelway_platform.domain.table.route_table import RouteTable

CASES = sorted((Path(__file__).parent / "route_tables").glob("*.in.yaml"))
HEADER = "# Written by test_compile_route_table.py with REWRITE=1; read the difference before committing it.\n"


def load(path: Path) -> dict[str, Any]:
    """Arguments of `compile_table`. Deployments are created in the order in which they stand."""
    case = yaml.safe_load(path.read_text())
    deployments: list[DeploymentRecord] = []
    routes: list[RouteRecord] = []
    for moment, node in enumerate(read_yaml(case["documents"])):
        written = read_document(path.name, node)
        assert isinstance(written, Written), written
        match written.document:
            case Deployment() as deployment:
                deployments.append(
                    DeploymentRecord(
                        deployment=deployment,
                        revision=1,
                        status=DeploymentStatus(),
                        created_at=float(moment),
                        updated_at=0.0,
                        deleting=str(deployment.key) in case.get("deleting", []),
                    )
                )
            case Route() as route:
                routes.append(RouteRecord(route=route, revision=1, created_at=0.0, updated_at=0.0))
            case _:
                pytest.fail(f"{path.name}: a {written.document} has no place in a route table")
    endpoints = [
        Endpoint(id=key, key=VersionKey(*item["of"].split("/")), host="127.0.0.1", port=item["port"])
        for key, item in case.get("endpoints", {}).items()
    ]
    keys = [
        ApiKeyRecord(id=key, prefix="mw_", created_at=0.0, name=key, sha256=item["sha256"] * 64, role=item["role"],
                     revoked_at=item.get("revoked_at"))
        for key, item in case.get("keys", {}).items()
    ]  # fmt: skip
    previous = msgspec.convert(case["previous"], RouteTable) if "previous" in case else None
    return {
        "declared": Declared(deployments=tuple(deployments), routes=tuple(routes)),
        "endpoints": endpoints,
        "keys": keys,
        "number": case.get("number", 1),
        "previous": previous,
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_the_table_is_the_golden_one(path: Path) -> None:
    table = compile_table(**load(path))
    assert problems_of(table) == []
    golden = path.with_name(path.name.replace(".in.", ".out."))
    if os.environ.get("REWRITE"):
        golden.write_text(HEADER + yaml.safe_dump(msgspec.to_builtins(table), sort_keys=False))
    assert table == msgspec.convert(yaml.safe_load(golden.read_text()), RouteTable)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_the_order_of_the_parts_does_not_matter(path: Path) -> None:
    parts = load(path)
    table = compile_table(**parts)
    shuffled = random.Random(7)
    for _ in range(5):
        declared = parts["declared"]
        deployments, routes = list(declared.deployments), list(declared.routes)
        for each in (deployments, routes, parts["endpoints"], parts["keys"]):
            shuffled.shuffle(each)
        again: dict[str, Any] = parts | {"declared": Declared(deployments=tuple(deployments), routes=tuple(routes))}
        assert compile_table(**again) == table


def test_every_case_has_a_golden_file_and_the_reverse() -> None:
    found = {path.name.removesuffix(".out.yaml") for path in CASES[0].parent.glob("*.out.yaml")}
    assert found == {path.name.removesuffix(".in.yaml") for path in CASES}
