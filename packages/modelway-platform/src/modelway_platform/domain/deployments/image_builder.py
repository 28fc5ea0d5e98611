"""The section `builder` of a Cluster document: by which tool, and within which limits, a package's Dockerfile is followed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, cast

from modelway_platform.domain.deployments.resources import is_memory, memory_octets, memory_text
from modelway_platform.domain.parsing.document_fields import Fields

BuilderKind = Literal["none", "buildah", "docker", "podman"]
KINDS: tuple[BuilderKind, ...] = ("none", "buildah", "docker", "podman")
DEFAULT_MEMORY = 4 * 1024**3
DEFAULT_MINUTES = 30.0
MAX_SECRETS = 16
_SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SOCKETS: Mapping[str, str] = MappingProxyType({"docker": "/var/run/docker.sock", "podman": "/run/podman/podman.sock"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderSettings:
    """Who follows Dockerfiles; nobody unless it is said, because whatever stands in one is run on the platform's machine.

    Args:
        kind: `buildah` without a daemon, or the engine of `docker` or `podman`.
        socket: The engine's; empty for its usual place.
        network: Whether steps may reach the network, and images of registries be built on.
        memory: Most octets that a step may have.
        minutes: How long all of it may take.
        secrets: Files of this machine that steps may mount (`RUN --mount=type=secret,id=NAME`), by name.
    """

    kind: BuilderKind = "none"
    socket: str = ""
    network: bool = False
    memory: int = DEFAULT_MEMORY
    minutes: float = DEFAULT_MINUTES
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def engine_socket(self) -> str:
        """Where the engine listens."""
        return self.socket or _SOCKETS.get(self.kind, "")


NO_BUILDER = BuilderSettings()


def read_builder(spec: Fields) -> BuilderSettings:
    """`builder: {kind: buildah, network: true, memory: 2Gi, minutes: 10, secrets: {NAME: /path}}`."""
    fields = spec.optional_mapping("builder")
    if fields is None:
        return NO_BUILDER
    memory = fields.string("memory", "4Gi", check=is_memory, rule="octets with a unit, at least 16Mi: 512Mi, 2Gi")
    found = BuilderSettings(
        kind=cast("BuilderKind", fields.choice("kind", KINDS)),
        socket=fields.string("socket", "", check=_is_path, rule="the absolute path of the engine's socket"),
        network=fields.boolean("network", default=False),
        memory=memory_octets(memory),
        minutes=fields.number("minutes", DEFAULT_MINUTES, 0.01, 24 * 60),
        secrets=_read_secrets(fields),
    )
    if found.secrets and found.kind != "buildah":
        fields.complain(
            fields.mark_of("secrets"),
            "spec.builder.secrets: only buildah takes any",
            "an engine's build has no way for them",
        )
    fields.finish()
    return found


def builder_to_json(builder: BuilderSettings) -> dict[str, Any]:
    """The member `builder` of a spec; nothing where there is none."""
    if builder == NO_BUILDER:
        return {}
    section: dict[str, Any] = {"kind": builder.kind, "network": builder.network, "memory": memory_text(builder.memory)}
    section["minutes"] = int(builder.minutes) if builder.minutes == int(builder.minutes) else builder.minutes
    if builder.socket:
        section["socket"] = builder.socket
    if builder.secrets:
        section["secrets"] = dict(sorted(builder.secrets.items()))
    return {"builder": section}


def builder_from_json(spec: Mapping[str, Any]) -> BuilderSettings:
    """The reverse of `builder_to_json`."""
    section: Mapping[str, Any] | None = spec.get("builder")
    if not section:
        return NO_BUILDER
    return BuilderSettings(
        kind=section["kind"],
        socket=section.get("socket", ""),
        network=section["network"],
        memory=memory_octets(section["memory"]),
        minutes=float(section["minutes"]),
        secrets=MappingProxyType(dict(section.get("secrets", {}))),
    )


def _read_secrets(fields: Fields) -> Mapping[str, str]:
    found: dict[str, str] = {}
    entries = fields.entries("secrets")
    for entry in entries[:MAX_SECRETS]:
        path = f"spec.builder.secrets.{entry.name[:60]}"
        value = fields.text_of(entry.value, path) or ""
        if _SECRET_NAME.fullmatch(entry.name) is None or not _is_path(value):
            fields.complain(entry.mark, f"{path}: write NAME: /absolute/path of a file on the platform's machine")
        found[entry.name] = value
    if len(entries) > MAX_SECRETS:
        fields.complain(entries[MAX_SECRETS].mark, f"spec.builder.secrets: more than {MAX_SECRETS}")
    return MappingProxyType(found)


def _is_path(text: str) -> bool:
    return text.startswith("/") and len(text) <= 1000 and text.isprintable() and "," not in text
