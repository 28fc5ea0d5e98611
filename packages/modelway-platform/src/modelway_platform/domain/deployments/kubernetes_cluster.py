"""The section `kubernetes` of a Cluster document: which cluster, which namespace, and what images are made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from modelway_platform.domain.deployments.cluster_bases import bases_to_json, read_bases
from modelway_platform.domain.deployments.pod_placing import (
    ANYWHERE,
    PodPlacing,
    placing_from_json,
    placing_to_json,
    read_placing,
)
from modelway_platform.domain.identity import is_name
from modelway_platform.domain.parsing.document_fields import Fields

_REGISTRY = re.compile(r"[A-Za-z0-9.\[\]:-]+(?:/[a-z0-9]+(?:[._/-][a-z0-9]+)*)?")
_LABEL_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_OBJECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
MAX_SELECTORS = 32
MAX_PULL_SECRETS = 8
GPU = "nvidia.com/gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """How pods are run. Credentials are never here: they are in the kubeconfig, or are the platform's own account.

    Args:
        kubeconfig: Path of a file on the platform's machine; empty for KUBECONFIG, or the pod the platform runs in.
        context: One of its contexts; empty for the current one.
        namespace: Where pods and Services are put; empty for the context's own.
        base: What images are built on, as for clusters of containers.
        bases: Instead of one: where those of all definitions are, as for clusters of containers.
        registry: Where images are pushed to, and pulled from by the nodes: `HOST[:PORT][/PREFIX]`.
        plain_http: Whether that registry speaks HTTP without TLS.
        pull_secrets: Secrets of the namespace by which nodes pull.
        service_account: Of the pods; empty for the namespace's default. Pods get no token of it.
        node_selector: Labels a node must have.
        gpu_resource: What the cluster calls a GPU.
        placing: Where pods may run beside that, and which come first.
    """

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    base: str = ""
    bases: str = ""
    registry: str = ""
    plain_http: bool = False
    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""
    node_selector: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    gpu_resource: str = GPU
    placing: PodPlacing = ANYWHERE


def read_kubernetes(spec: Fields) -> KubernetesSettings:
    """The section as written; all that is wrong with it is noted in `spec`."""
    fields = spec.mapping("kubernetes")
    if fields is None:
        return KubernetesSettings()
    found = KubernetesSettings(
        kubeconfig=fields.string("kubeconfig", "", check=_is_path, rule="the absolute path of a file"),
        context=fields.string("context", "", check=_is_line, rule="the name of a context in the kubeconfig"),
        namespace=fields.string(
            "namespace", "", check=is_name, rule="lower-case letters, digits and dashes, at most 63"
        ),
        **read_bases(fields),
        registry=fields.string("registry", check=_is_registry, rule="HOST[:PORT][/PREFIX], lower case after the host"),
        plain_http=fields.boolean("plainHttp", default=False),
        pull_secrets=_read_pull_secrets(fields),
        service_account=fields.string("serviceAccount", "", check=_is_object, rule="the name of a ServiceAccount"),
        node_selector=_read_selector(fields),
        gpu_resource=fields.string("gpuResource", GPU, check=_is_label_name, rule=f"a resource's name, such as {GPU}"),
        placing=read_placing(fields),
    )
    fields.finish()
    return found


def kubernetes_to_json(settings: KubernetesSettings) -> dict[str, Any]:
    """The section of the normal form; what is usual is left out."""
    unusual = {
        "kubeconfig": settings.kubeconfig,
        "context": settings.context,
        "namespace": settings.namespace,
        "plainHttp": settings.plain_http,
        "pullSecrets": list(settings.pull_secrets),
        "serviceAccount": settings.service_account,
        "nodeSelector": dict(settings.node_selector),
        "gpuResource": settings.gpu_resource if settings.gpu_resource != GPU else "",
    }
    told = {name: value for name, value in unusual.items() if value}
    below = bases_to_json(settings.base, settings.bases)
    return {**below, "registry": settings.registry, **told, **placing_to_json(settings.placing)}


def kubernetes_from_json(section: Mapping[str, Any]) -> KubernetesSettings:
    """The reverse of `kubernetes_to_json`."""
    return KubernetesSettings(
        kubeconfig=section.get("kubeconfig", ""),
        context=section.get("context", ""),
        namespace=section.get("namespace", ""),
        base=section.get("base", ""),
        bases=section.get("bases", ""),
        registry=section.get("registry", ""),
        plain_http=section.get("plainHttp", False),
        pull_secrets=tuple(section.get("pullSecrets", ())),
        service_account=section.get("serviceAccount", ""),
        node_selector=MappingProxyType(dict(section.get("nodeSelector", {}))),
        gpu_resource=section.get("gpuResource", GPU),
        placing=placing_from_json(section),
    )


def _read_pull_secrets(fields: Fields) -> tuple[str, ...]:
    found: list[str] = []
    for index, node in enumerate(fields.optional_items("pullSecrets")):
        path = f"spec.kubernetes.pullSecrets[{index}]"
        name = fields.text_of(node, path)
        if name is not None and (not _is_object(name) or index >= MAX_PULL_SECRETS):
            fields.complain(node.mark, f"{path}: not the name of a Secret, or more than {MAX_PULL_SECRETS}")
        found.append(name or "")
    return tuple(found)


def _read_selector(fields: Fields) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for entry in fields.entries("nodeSelector"):
        path = f"spec.kubernetes.nodeSelector.{entry.name[:80]}"
        value = fields.text_of(entry.value, path)
        if not _is_label_name(entry.name) or (value is not None and _LABEL_VALUE.fullmatch(value) is None):
            fields.complain(entry.mark, f"{path}: not a label and its value")
        if len(found) >= MAX_SELECTORS:
            fields.complain(entry.mark, f"spec.kubernetes.nodeSelector: more than {MAX_SELECTORS} labels")
            break
        found[entry.name] = value or ""
    return MappingProxyType(found)


def _is_path(text: str) -> bool:
    return text.startswith("/") and _is_line(text)


def _is_registry(text: str) -> bool:
    return _REGISTRY.fullmatch(text) is not None and len(text) <= 200


def _is_object(text: str) -> bool:
    return _OBJECT_NAME.fullmatch(text) is not None


def _is_label_name(text: str) -> bool:
    return _LABEL_NAME.fullmatch(text) is not None


def _is_line(text: str) -> bool:
    return 0 < len(text) <= 1000 and text.isprintable()
