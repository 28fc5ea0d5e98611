"""From a document as written to the value it declares, or to the list of what is wrong with it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from modelway_platform.domain.access.read_limits import read_limits
from modelway_platform.domain.deployments.autoscale import Autoscale, read_autoscale
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.model_processes import read_model_processes
from modelway_platform.domain.deployments.package_origin import FORM, split_package
from modelway_platform.domain.deployments.placement import read_placements
from modelway_platform.domain.deployments.read_cluster import read_cluster
from modelway_platform.domain.deployments.resources import read_resources
from modelway_platform.domain.deployments.secret_names import read_secrets
from modelway_platform.domain.deployments.volumes import read_volumes
from modelway_platform.domain.documents.document_json import API_VERSION, Document, name_of
from modelway_platform.domain.identity import RESERVED_MODEL_NAMES, ModelKey, VersionKey, is_name, is_version
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import ListNode, MapNode, Mark, Node, shortened
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.domain.routing.addresses.read_addressing import read_addressing
from modelway_platform.domain.routing.assignment.assignment import MAX_WEIGHT
from modelway_platform.domain.routing.assignment.read_assignment import read_assignment
from modelway_platform.domain.routing.jobs.read_async import read_async
from modelway_platform.domain.routing.mirroring.read_mirroring import read_mirroring
from modelway_platform.domain.routing.read_payloads import read_payloads
from modelway_platform.domain.routing.resilience.read_resilience import read_resilience
from modelway_platform.domain.routing.route import Access, Route, VersionWeight
from modelway_platform.domain.stages.read_stage import read_stage
from modelway_platform.domain.verdicts.read_rollout import read_rollout
from modelway_platform.domain.verdicts.rollout import Rollout

KINDS = ("Deployment", "Route", "Cluster", "Stage", "Rollout")
MAX_REPLICAS = 100
MAX_WORKERS = 64
MAX_ENVIRONMENT = 256
MAX_TEXT = 32_768
MAX_BODY_BYTES = 16 * 1024**3
_NAME_RULE = "use lower-case letters, digits and dashes, at most 63, no dash at either end"
_VERSION_RULE = "use letters, digits, dots, dashes and underscores, at most 63, a letter or digit at either end"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What the platform itself tells a replica; a document cannot mean anything good by setting it.
_OWN_PREFIX = "MODELWAY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A document with the places of its fields, so that a problem found later can still be shown where it stands."""

    document: Document
    file: str
    marks: Mapping[str, Mark]

    def mark(self, path: str) -> Mark:
        """The place of a field; of the nearest one around it that was written, if it was not."""
        while path and path not in self.marks:
            path = path.rpartition(".")[0]
        return self.marks[path]

    def problem(self, path: str, message: str, hint: str = "") -> Problem:
        """A problem with the field at `path`."""
        return Problem(file=self.file, mark=self.mark(path), message=message, hint=hint)


def is_digest(package: str) -> bool:
    """Whether a document's `package` is a digest rather than a path."""
    return _DIGEST.fullmatch(package) is not None


def documents_in(nodes: Sequence[Node]) -> list[Node]:
    """The documents among a file's nodes: each node is one, or a list of them as the platform shows several."""
    found: list[Node] = []
    for node in nodes:
        entry = node.entries[0] if isinstance(node, MapNode) and len(node.entries) == 1 else None
        if entry is not None and entry.name == "items" and isinstance(entry.value, ListNode):
            found.extend(entry.value.items)
        else:
            found.append(node)
    return found


def read_document(file: str, node: Node) -> Written | list[Problem]:
    """The document that `node` declares, or every problem with it."""
    problems: list[Problem] = []
    marks: dict[str, Mark] = {}
    top = Fields(file, node, "", problems, marks)
    top.choice("apiVersion", (API_VERSION,))
    kind = top.choice("kind", KINDS)
    known = not problems
    metadata, spec = top.mapping("metadata"), top.mapping("spec")
    top.drop("status")
    top.finish()
    if metadata is None or spec is None or not known:
        return problems
    document: Document = _READERS[kind](metadata, spec)
    _pass_over_what_was_shown(metadata, name_of(document), named=kind == "Cluster")
    metadata.finish()
    spec.finish()
    if problems:
        return sorted(problems, key=lambda problem: problem.mark)
    return Written(document=document, file=file, marks=MappingProxyType(marks))


def _pass_over_what_was_shown(metadata: Fields, name: str, *, named: bool) -> None:
    """What an object carries when it is read from the platform, so that what `get` prints can be applied again.

    The revision is not compared: a document kept in a file is meant to be applied more than once.
    """
    metadata.drop("revision", "createdAt", "updatedAt")
    if named:
        return
    rule = f"it is made of the other names, here {name}; leave it out"
    metadata.string("name", name, check=lambda given: given == name, rule=rule)


def _read_model(metadata: Fields) -> ModelKey:
    project = metadata.string("project", check=is_name, rule=_NAME_RULE)
    model = metadata.string("model", check=_is_model_name, rule=_NAME_RULE + "; v2 is reserved")
    return ModelKey(project, model)


def _is_model_name(text: str) -> bool:
    return is_name(text) and text not in RESERVED_MODEL_NAMES


def _read_deployment(metadata: Fields, spec: Fields) -> Deployment:
    model = _read_model(metadata)
    version = metadata.string("version", check=is_version, rule=_VERSION_RULE)
    workers, resources = spec.integer("workers", 1, 1, MAX_WORKERS), read_resources(spec)
    package, origin = _read_package(spec)
    autoscale = read_autoscale(spec)
    placements = read_placements(spec, autoscale, _NAME_RULE)
    cluster = spec.string("cluster", "local", check=is_name, rule=_NAME_RULE)
    replicas = _read_replicas(spec, autoscale)
    return Deployment(
        key=VersionKey(model.project, model.model, version),
        package=package,
        origin=origin,
        cluster=placements[0].name if placements else cluster,
        replicas=sum(each.replicas for each in placements) if placements and autoscale is None else replicas,
        workers=workers,
        stage=spec.string("stage", "production", check=is_name, rule=_NAME_RULE),
        env=_read_environment(spec),
        secrets=read_secrets(spec),
        drain_seconds=spec.number("drainSeconds", 10.0, 0, 3600),
        resources=resources,
        processes=read_model_processes(spec, workers, resources),
        autoscale=autoscale,
        placements=placements,
        volumes=read_volumes(spec),
    )


def _read_package(spec: Fields) -> tuple[str, str]:
    """What names the package, and where it comes from if that is a store: in one field, as `ORIGIN@DIGEST`, or in two."""
    rule = f"sha256: and 64 hexadecimal digits, a relative path, or {FORM}"
    text = spec.string("package", check=_is_package, rule=rule)
    origin = spec.string("origin", "")
    try:
        package, named = split_package(f"{origin}@{text}" if origin else text)
    except ValueError as error:
        field = "origin" if origin else "package"
        spec.complain(spec.mark_of(field), f"{spec.path_of(field)}: {error}")
        return "", ""
    return package, named


def _read_replicas(spec: Fields, autoscale: Autoscale | None) -> int:
    found = spec.integer("replicas", 1, 0, MAX_REPLICAS)
    if autoscale is None:
        return found
    if "replicas" in spec.names():
        spec.complain(
            spec.mark_of("replicas"), "spec.replicas: autoscale decides how many there are", "leave one of them out"
        )
    return autoscale.first


def _is_package(text: str) -> bool:
    if text.startswith("sha256:"):
        return is_digest(text)
    return 0 < len(text) <= 4096 and "\n" not in text


def _read_environment(spec: Fields) -> Mapping[str, str]:
    found: dict[str, str] = {}
    entries = spec.entries("env")
    if len(entries) > MAX_ENVIRONMENT:
        spec.complain(entries[MAX_ENVIRONMENT].mark, f"spec.env: more than {MAX_ENVIRONMENT} variables")
    for entry in entries:
        path = f"spec.env.{shortened(entry.name)}"
        if _VARIABLE.fullmatch(entry.name) is None:
            spec.complain(entry.mark, f"{path}: not a variable's name", "use letters, digits and underscores")
        elif entry.name.startswith(_OWN_PREFIX):
            spec.complain(entry.mark, f"{path}: the platform sets the {_OWN_PREFIX}… variables itself", "leave it out")
        value = spec.text_of(entry.value, path)
        if value is not None and len(value) > MAX_TEXT:
            spec.complain(entry.value.mark, f"{path}: longer than {MAX_TEXT} characters")
        found[entry.name] = value or ""
    return MappingProxyType(found)


def _read_route(metadata: Fields, spec: Fields) -> Route:
    key = _read_model(metadata)
    return Route(
        key=key,
        versions=_read_versions(spec),
        access=cast("Access", spec.choice("access", ("key", "open"), "key")),
        idempotent=spec.boolean("idempotent", default=False),
        timeout_seconds=spec.number("timeoutSeconds", 30.0, 0.001, 86_400),
        max_body_bytes=spec.integer("maxBodyBytes", 64 * 1024 * 1024, 0, MAX_BODY_BYTES),
        addressing=read_addressing(spec),
        resilience=read_resilience(spec),
        websocket=spec.boolean("websocket", default=False),
        limits=read_limits(spec),
        assignment=read_assignment(spec),
        mirroring=read_mirroring(spec),
        asynchronous=read_async(spec),
        payloads=read_payloads(spec),
    )


def _read_rollout(metadata: Fields, spec: Fields) -> Rollout:
    return read_rollout(_read_model, metadata, spec)


def _read_versions(spec: Fields) -> tuple[VersionWeight, ...]:
    found: list[VersionWeight] = []
    complete = True
    nodes = spec.items("versions")
    for index, node in enumerate(nodes):
        fields = spec.inner(node, f"spec.versions[{index}]")
        version = fields.string("version", check=is_version, rule=_VERSION_RULE)
        weight = fields.integer("weight", None, 0, MAX_WEIGHT)
        fields.finish()
        if version in [item.version for item in found]:
            spec.complain(node.mark, f"spec.versions[{index}]: version {version} appears twice", "add the weights up")
        complete = complete and bool(version)
        found.append(VersionWeight(version=version, weight=weight))
    if nodes and complete and all(item.weight == 0 for item in found):
        spec.complain(
            nodes[0].mark, "spec.versions: every weight is 0, so nothing would be answered", "give one a weight"
        )
    return tuple(found)


_READERS: Mapping[str, Callable[[Fields, Fields], Document]] = {
    "Deployment": _read_deployment,
    "Route": _read_route,
    "Cluster": read_cluster,
    "Stage": read_stage,
    "Rollout": _read_rollout,
}
