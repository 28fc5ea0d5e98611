"""One table per kind of object: which columns, and what stands in them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from modelway.cli.showing.output import Style, size_text
from modelway.cli.showing.table_text import Cell, Row, one_line
from modelway.cli.showing.time_text import age

Object = Mapping[str, Any]
NOTHING: Object = MappingProxyType({})
_PHASE_STYLES: Mapping[str, Style] = {
    "Ready": "green",
    "Failed": "red",
    "Promoted": "green",
    "RolledBack": "red",
    "Degraded": "red",
    "Deleting": "dim",
}
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "deployments": ("name", "phase", "ready", "revision", "package", "age", "message"),
    "routes": ("name", "versions", "access", "revision", "age"),
    "clusters": ("name", "operator", "revision", "age"),
    "rollouts": ("name", "from", "to", "phase", "step", "weights", "run", "age", "message"),
    "stages": ("name", "after", "overrides", "gates", "approve phases", "revision", "age"),
    "endpoints": ("id", "model", "address", "gateway", "package"),
    "packages": ("name", "version", "size", "age", "digest"),
    "gateways": ("id", "table", "newest", "age", "message"),
}
_WIDE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "deployments": (
        "name",
        "phase",
        "ready",
        "updated",
        "revision",
        "stage",
        "cluster",
        "workers",
        "age",
        "package",
        "message",
    ),
    "routes": (
        "name",
        "versions",
        "aliases",
        "urls",
        "access",
        "idempotent",
        "timeout",
        "max body",
        "revision",
        "age",
    ),
}


def columns_of(kind: str, *, wide: bool) -> tuple[str, ...]:
    """Column heads of a kind's table."""
    return _WIDE_COLUMNS.get(kind, _COLUMNS[kind]) if wide else _COLUMNS[kind]


def row_of(kind: str, item: Object, *, wide: bool) -> Row:
    """The object's cells under `columns_of`."""
    cells = _CELLS[kind](item, wide)
    return [cells[column] for column in columns_of(kind, wide=wide)]


def name_of(kind: str, item: Object) -> str:
    """What the object is called within its kind."""
    if kind in {"deployments", "routes", "rollouts"}:
        metadata = member(item, "metadata")
        parts = [text(metadata, part) for part in ("project", "model", "version")[: 3 if kind == "deployments" else 2]]
        return "/".join(parts)
    if kind in {"clusters", "stages"}:
        return text(member(item, "metadata"), "name")
    return text(item, "id") if kind in {"endpoints", "gateways"} else text(item, "digest")


def phase_cell(phase: str) -> Cell:
    """A phase in its colour."""
    return Cell(phase or "-", _PHASE_STYLES.get(phase, "yellow"))


def short_digest(digest: str) -> str:
    """Enough of a digest to recognise it: `sha256:0123456789ab`."""
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}" if colon else digest


def weights_text(item: Object) -> str:
    """A route's versions with their shares: `v1 80%, v2 20%`."""
    versions = members(member(item, "spec"), "versions")
    total = sum(number(version, "weight") for version in versions) or 1
    return ", ".join(
        f"{text(version, 'version')} {number(version, 'weight') * 100 / total:.3g}%" for version in versions
    )


def ready_text(item: Object) -> str:
    """Replicas ready of replicas wanted: `1/2`."""
    replicas = member(member(item, "status"), "replicas")
    wanted = replicas.get("wanted", member(item, "spec").get("replicas", "?"))
    return f"{number(replicas, 'ready')}/{wanted}"


def message_of(item: Object) -> str:
    """The status's message, else that of the first condition that is not met."""
    status = member(item, "status")
    unmet = [
        text(condition, "message") for condition in members(status, "conditions") if condition.get("status") is not True
    ]
    return one_line(text(status, "message") or next(filter(None, unmet), ""))


def member(item: Object, name: str) -> Object:
    """A member that is an object; an empty one when it is absent or something else."""
    value = item.get(name)
    return cast("Object", value) if isinstance(value, Mapping) else NOTHING


def members(item: Object, name: str) -> Sequence[Object]:
    """A member that is a list of objects."""
    value = item.get(name)
    entries: Sequence[Any] = cast("Sequence[Any]", value) if isinstance(value, list) else ()
    return [cast("Object", entry) for entry in entries if isinstance(entry, Mapping)]


def text(item: Object, name: str) -> str:
    """A member as text; empty when absent."""
    value = item.get(name)
    return "" if value is None else str(value)


def number(item: Object, name: str) -> float | int:
    """A member that is a number; 0 when absent."""
    value = item.get(name)
    return value if isinstance(value, int | float) else 0


def clusters_of(spec: Object) -> list[str]:
    """The clusters that a deployment runs on."""
    return [text(each, "name") for each in members(spec, "clusters")] or [text(spec, "cluster")]


def clusters_text(spec: Object) -> str:
    """The same in one cell."""
    return ", ".join(clusters_of(spec))


def _workers_text(spec: Object) -> str:
    processes = number(spec, "modelProcesses")
    return text(spec, "workers") + (f" × {processes} processes" if processes else "")  # noqa: RUF001 - times


def _deployment_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    metadata, spec, status = member(item, "metadata"), member(item, "spec"), member(item, "status")
    package = text(spec, "package")
    return {
        "name": name_of("deployments", item),
        "phase": phase_cell(text(status, "phase")),
        "ready": ready_text(item),
        "updated": text(member(status, "replicas"), "updated"),
        "revision": text(metadata, "revision"),
        "stage": text(spec, "stage"),
        "cluster": clusters_text(spec),
        "workers": _workers_text(spec),
        "package": package if wide else short_digest(package),
        "age": age(metadata.get("createdAt")),
        "message": message_of(item),
    }


def _route_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    metadata, spec = member(item, "metadata"), member(item, "spec")
    return {
        "name": name_of("routes", item),
        "versions": weights_text(item),
        "aliases": " ".join(
            f"@{one_line(name)}={one_line(str(each))}" for name, each in member(spec, "aliases").items()
        ),
        "urls": " ".join(one_line(text(each, "pattern")) for each in members(spec, "urls")),
        "access": text(spec, "access"),
        "idempotent": "yes" if spec.get("idempotent") is True else "no",
        "timeout": f"{number(spec, 'timeoutSeconds'):g}s",
        "max body": size_text(int(number(spec, "maxBodyBytes"))),
        "revision": text(metadata, "revision"),
        "age": age(metadata.get("createdAt")),
    }


def _cluster_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    metadata = member(item, "metadata")
    return {
        "name": name_of("clusters", item),
        "operator": text(member(item, "spec"), "operator"),
        "revision": text(metadata, "revision"),
        "age": age(metadata.get("createdAt")),
    }


def _stage_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    metadata, spec = member(item, "metadata"), member(item, "spec")
    phases: list[object] = spec.get("approvePhases", [])
    return {
        "name": name_of("stages", item),
        "after": text(spec, "after") or "-",
        "overrides": ", ".join(member(spec, "overrides")) or "-",
        "gates": ", ".join(member(spec, "gates")) or "-",
        "approve phases": one_line(", ".join(map(str, phases))) or "-",
        "revision": text(metadata, "revision"),
        "age": age(metadata.get("createdAt")),
    }


def _rollout_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    metadata, spec, status = member(item, "metadata"), member(item, "spec"), member(item, "status")
    weights = members(status, "weights")
    total = sum(number(each, "weight") for each in weights) or 1
    shares = ", ".join(f"{text(each, 'version')} {number(each, 'weight') * 100 / total:.3g}%" for each in weights)
    return {
        "name": name_of("rollouts", item),
        "from": text(spec, "from"),
        "to": text(spec, "to"),
        "phase": phase_cell(text(status, "phase")),
        "step": f"{text(status, 'step')}/{text(status, 'steps')}",
        "weights": shares or "-",
        "run": text(status, "run"),
        "age": age(metadata.get("createdAt")),
        "message": one_line(text(status, "message")),
    }


def _endpoint_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    host = text(item, "host")
    package = text(item, "package")
    return {
        "id": text(item, "id"),
        "model": "/".join(text(item, part) for part in ("project", "model", "version")),
        "address": f"{f'[{host}]' if ':' in host else host}:{text(item, 'port')}",
        "gateway": f"left out by {item['leftOutBy']}" if item.get("leftOutBy") else "up",
        "package": package if wide else short_digest(package),
    }


def _package_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    digest = text(item, "digest")
    return {
        "name": text(item, "name"),
        "version": text(item, "version"),
        "size": size_text(int(number(item, "size"))),
        "age": age(item.get("createdAt")),
        "digest": digest if wide else short_digest(digest),
    }


def _gateway_cells(item: Object, wide: bool) -> Mapping[str, str | Cell]:  # noqa: FBT001 - one signature for all kinds
    table, newest = int(number(item, "table")), int(number(item, "newest"))
    return {
        "id": text(item, "id"),
        "table": Cell(str(table), "green" if table >= newest else "yellow"),
        "newest": str(newest),
        "age": age(item.get("takenAt")),
        "message": text(item, "reason"),
    }


_CELLS = {
    "deployments": _deployment_cells,
    "routes": _route_cells,
    "clusters": _cluster_cells,
    "rollouts": _rollout_cells,
    "stages": _stage_cells,
    "endpoints": _endpoint_cells,
    "packages": _package_cells,
    "gateways": _gateway_cells,
}
