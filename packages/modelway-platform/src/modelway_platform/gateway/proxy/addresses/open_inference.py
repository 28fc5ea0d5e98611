"""The Open Inference Protocol at the gateway: `/{project}/v2/...`, so that its clients work with `.../{project}` as their base.

What is about one model goes to a replica of it as `/v2/models/{model}/...`, without the version: that one is chosen here, and
a replica knows itself by the names of its Deployment. What is about all models of a project is answered here.
"""

import json
import re
from typing import TYPE_CHECKING

from modelway_platform.domain.access.scopes import Scopes

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.admission import Admission
    from modelway_platform.gateway.proxy.live_routes import LiveModel, LiveRoutes

_OURS = re.compile(rb"/[^/]*/v2(?:[/?]|\Z)")
_MODEL = re.compile(
    rb"/(?P<project>[^/]+)/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<act>infer|ready))?"
)
_PAGE = re.compile(rb"/(?P<project>[^/]+)/v2(?:/(?P<page>health/live|health/ready|repository/index)?)?")
_METHODS = {b"repository/index": (b"POST", b"GET")}
_READING = (b"GET", b"HEAD")


def is_address(target: bytes) -> bool:
    """Whether answers made here have the protocol's form."""
    return _OURS.match(target) is not None


def match(admission: "Admission", path: bytes, query: bytes, routes: "LiveRoutes") -> None:
    """Fill in where the request goes: to a model, or to a page of ours (`page` and `project`)."""
    found = _MODEL.fullmatch(path)
    if found is None:
        page = _PAGE.fullmatch(path)
        if page is not None:
            admission.page = page["page"] or b"server"
            admission.project = page["project"]
        return
    admission.via = b"open-inference"
    admission.model = routes.models.get(found["project"] + b"/" + found["model"])
    admission.pinned = found["version"] or b""
    admission.endpoint = found["act"] or b"metadata"
    tail = b"v2/models/" + found["model"] + (b"/" + found["act"] if found["act"] else b"")
    admission.path_tail = tail + b"?" + query if query else tail


def addressed(path: bytes) -> tuple[str, str] | None:
    """(project, model) that an address of this protocol is about, be there one or not."""
    found = _MODEL.fullmatch(path)
    return (found["project"].decode("latin-1"), found["model"].decode("latin-1")) if found else None


def allowed_methods(page: bytes) -> tuple[bytes, ...]:
    """Methods a page of ours takes."""
    return _METHODS.get(page, _READING)


def server_page(page: bytes) -> bytes:
    """`/v2`, and whether the gateway is alive and ready, which it is when it can be asked with a table."""
    if page == b"server":
        return b'{"name":"modelway","version":"","extensions":["binary_tensor_data"]}'
    return b'{"live":true}' if page == b"health/live" else b'{"ready":true}'


def visible(models: "list[LiveModel]", scopes: Scopes | None, *, known: bool) -> "list[LiveModel]":
    """Models that a caller may see: those that are open, and for a known one those within its scopes (None: all)."""
    return [
        model
        for model in models
        if model.access_open or (known and (scopes is None or scopes.allow(model.entry.project, model.entry.model)))
    ]


def index_page(models: "list[LiveModel]") -> bytes:
    """`/v2/repository/index`: each version of each model, ready when it has a replica."""
    entries = [
        {
            "name": model.entry.model,
            "version": version.version,
            "state": "READY" if version.replicas else "UNAVAILABLE",
            "reason": "" if version.replicas else "no replica is registered",
        }
        for model in models
        for version in model.entry.versions
    ]
    return json.dumps(entries, separators=(",", ":")).encode()


def models_of(project: bytes, routes: "LiveRoutes") -> "list[LiveModel]":
    """All models of a project, by name."""
    name = project.decode("latin-1")
    return sorted((each for each in routes.models.values() if each.entry.project == name), key=lambda each: each.name)


def error_body(message: str, hint: str) -> bytes:
    """The protocol's form of an error, `{"error": "text"}`."""
    text = f"{message} ({hint})" if hint else message
    return json.dumps({"error": text}, ensure_ascii=False, separators=(",", ":")).encode()
