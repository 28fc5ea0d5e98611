"""A client of the control API as anybody would make one: generated from proto/ by protoc, in a process of its own.

Usage: grpc_client.py GENERATED_FOLDER ADDRESS KEY; prints what it was told as JSON.
"""

import importlib
import json
import sys
from typing import Any


def main(folder: str, address: str, key: str) -> None:
    sys.path.insert(0, folder)
    grpc: Any = importlib.import_module("grpc")
    messages: Any = importlib.import_module("modelway.v1.documents_pb2")
    stubs: Any = importlib.import_module("modelway.v1.documents_pb2_grpc")
    health: Any = importlib.import_module("grpc_health.v1.health_pb2")
    health_stubs: Any = importlib.import_module("grpc_health.v1.health_pb2_grpc")
    reflection: Any = importlib.import_module("grpc_reflection.v1alpha.reflection_pb2")
    reflection_stubs: Any = importlib.import_module("grpc_reflection.v1alpha.reflection_pb2_grpc")
    metadata = (("authorization", f"Bearer {key}"), ("x-request-id", "from-grpc"))
    told: dict[str, Any] = {}
    with grpc.insecure_channel(address) as channel:
        told["health"] = health_stubs.HealthStub(channel).Check(health.HealthCheckRequest()).status
        asked = iter([reflection.ServerReflectionRequest(list_services="")])
        listed = next(iter(reflection_stubs.ServerReflectionStub(channel).ServerReflectionInfo(asked)))
        told["services"] = sorted(each.name for each in listed.list_services_response.service)
        deployments = stubs.DeploymentsStub(channel)
        listing = deployments.ListDeployments(messages.ListDeploymentsRequest(), metadata=metadata)
        told["deployments"] = [[each.metadata.name, each.spec["replicas"], each.status.phase] for each in listing.items]
        told["watched"] = len(
            next(iter(deployments.WatchDeployments(messages.WatchDeploymentsRequest(), metadata=metadata))).items
        )
        broken = messages.ApplyRequest(files=[messages.DocumentFile(name="a.yaml", text="kind: Deploymnt")])
        for name, call in (
            (
                "missing",
                lambda: deployments.GetDeployment(messages.GetDeploymentRequest(project="no"), metadata=metadata),
            ),
            ("stranger", lambda: deployments.ListDeployments(messages.ListDeploymentsRequest())),
            ("broken", lambda: stubs.DocumentsStub(channel).Apply(broken, metadata=metadata)),
        ):
            try:
                call()
            except grpc.RpcError as error:
                trailing = {each.key: each.value for each in error.trailing_metadata()}
                whole = json.loads(trailing["modelway-error-bin"])["error"]
                rich = _rich(trailing["grpc-status-details-bin"])
                told[name] = [error.code().name, trailing["modelway-code"], whole["request_id"], rich]
    sys.stdout.write(json.dumps(told))


def _rich(data: bytes) -> list[str]:
    status: Any = importlib.import_module("google.rpc.status_pb2").Status.FromString(data)
    return [each.type_url.rpartition(".")[2] for each in status.details]


if __name__ == "__main__":
    main(*sys.argv[1:])
