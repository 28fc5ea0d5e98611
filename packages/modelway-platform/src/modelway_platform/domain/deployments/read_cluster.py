"""The Cluster document from what was written, and as JSON values."""

import re
from collections.abc import Mapping
from typing import Any, cast

from modelway_platform.domain.deployments.cluster import LOCAL, OPERATORS, Cluster, DockerSettings, OperatorKind
from modelway_platform.domain.deployments.cluster_bases import bases_to_json, read_bases
from modelway_platform.domain.deployments.host_directories import (
    directories_from_json,
    directories_to_json,
    read_directories,
)
from modelway_platform.domain.deployments.image_builder import builder_from_json, builder_to_json, read_builder
from modelway_platform.domain.deployments.kubernetes_cluster import (
    KubernetesSettings,
    kubernetes_from_json,
    kubernetes_to_json,
    read_kubernetes,
)
from modelway_platform.domain.deployments.slurm_cluster import SlurmSettings, read_slurm, slurm_from_json, slurm_to_json
from modelway_platform.domain.identity import is_name
from modelway_platform.domain.parsing.document_fields import Fields

_NAME_RULE = f"use lower-case letters, digits and dashes, at most 63; `{LOCAL}` is the platform's own machine"
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]{1,250}(?:/[A-Za-z0-9._/-]{0,200})?")
_REGISTRY = re.compile(r"[A-Za-z0-9.\[\]:-]+(?:/[a-z0-9]+(?:[._/-][a-z0-9]+)*)?")


def read_cluster(metadata: Fields, spec: Fields) -> Cluster:
    """A cluster; its `operator` names the section that it is set up by. `local` is of processes, and has no section."""
    name = metadata.string("name", check=is_name, rule=_NAME_RULE)
    kinds = [each for each in OPERATORS if (each == "process") == (name == LOCAL)]
    operator = cast("OperatorKind", spec.choice("operator", kinds))
    docker = _read_docker(spec) if operator == "docker" else DockerSettings()
    kubernetes = read_kubernetes(spec) if operator == "kubernetes" else KubernetesSettings()
    slurm = read_slurm(spec) if operator == "slurm" else SlurmSettings()
    return Cluster(
        name=name,
        operator=operator,
        docker=docker,
        kubernetes=kubernetes,
        slurm=slurm,
        builder=read_builder(spec),
        control=_read_control(spec) if operator != "process" else "",
        directories=read_directories(spec),
    )


def cluster_to_json(cluster: Cluster) -> dict[str, Any]:
    """The `spec` of the normal form."""
    control = {"control": cluster.control} if cluster.control else {}
    return {
        **_operator_to_json(cluster),
        **builder_to_json(cluster.builder),
        **directories_to_json(cluster.directories),
        **control,
    }


def _operator_to_json(cluster: Cluster) -> dict[str, Any]:
    if cluster.operator == "kubernetes":
        return {"operator": cluster.operator, "kubernetes": kubernetes_to_json(cluster.kubernetes)}
    if cluster.operator == "slurm":
        return {"operator": cluster.operator, "slurm": slurm_to_json(cluster.slurm)}
    docker = cluster.docker
    section = {
        "socket": docker.socket,
        **bases_to_json(docker.base, docker.bases),
        "network": docker.network,
        **({"registry": docker.registry, "plainHttp": docker.plain_http} if docker.registry else {}),
    }
    return {"operator": cluster.operator, **({"docker": section} if cluster.operator == "docker" else {})}


def cluster_from_json(name: str, spec: Mapping[str, Any]) -> Cluster:
    """The reverse of `cluster_to_json`."""
    section = spec.get("docker", {})
    docker = DockerSettings(
        socket=section.get("socket", DockerSettings().socket),
        base=section.get("base", ""),
        bases=section.get("bases", ""),
        registry=section.get("registry", ""),
        plain_http=section.get("plainHttp", False),
        network=section.get("network", "bridge"),
    )
    kubernetes = kubernetes_from_json(spec.get("kubernetes", {}))
    slurm = slurm_from_json(spec.get("slurm", {}))
    return Cluster(
        name=name,
        operator=spec["operator"],
        docker=docker,
        kubernetes=kubernetes,
        slurm=slurm,
        builder=builder_from_json(spec),
        control=spec.get("control", ""),
        directories=directories_from_json(spec),
    )


def _read_control(spec: Fields) -> str:
    return spec.string("control", "", check=_is_url, rule="an address that replicas reach: http://CONTROL:7070")


def _read_docker(spec: Fields) -> DockerSettings:
    usual = DockerSettings()
    fields = spec.mapping("docker")
    if fields is None:
        return usual
    rule = "an absolute path of at most 100 characters: /var/run/docker.sock"
    found = DockerSettings(
        socket=fields.string("socket", usual.socket, check=_is_socket, rule=rule),
        **read_bases(fields),
        registry=fields.string(
            "registry", "", check=_is_registry, rule="HOST[:PORT][/PREFIX], lower case after the host"
        ),
        plain_http=fields.boolean("plainHttp", default=False),
        network=fields.string("network", usual.network, check=_is_line, rule="the name of a network of the engine"),
    )
    fields.finish()
    return found


def _is_socket(text: str) -> bool:
    return text.startswith("/") and len(text) <= 100 and _is_line(text)


def _is_registry(text: str) -> bool:
    return _REGISTRY.fullmatch(text) is not None and len(text) <= 200


def _is_url(text: str) -> bool:
    return _URL.fullmatch(text) is not None


def _is_line(text: str) -> bool:
    return 0 < len(text) <= 1000 and text.isprintable()
