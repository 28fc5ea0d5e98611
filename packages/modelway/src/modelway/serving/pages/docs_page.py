"""The page at `/docs`: what the model takes and answers, and a form to try it. Everything is in it; it loads nothing."""

import base64
import hashlib
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from modelway.serving.open_inference.datatypes import datatype_of, is_array, is_octets, is_text
from modelway.serving.open_inference.inference import usual_endpoint
from modelway.serving.pages.openapi import request_example
from modelway.serving.settings import Target, WorkerSettings
from modelway.signature import EndpointSignature, Field, Signature
from modelway.signature.flow_text import endpoint_lines
from modelway.signature.running_text import running_facts

LONGEST_EXAMPLE = 5000
_SCRIPTS = ("elements", "json_text", "schemas", "controls", "programs", "answers", "page")
"""In the order in which they are put together; the last one begins to work."""


class DocsPage(NamedTuple):
    """The page and the header line that lets a browser run nothing but what is in it."""

    html: bytes
    headers: bytes


def docs_page(signature: Signature, settings: WorkerSettings) -> DocsPage:
    """Make the page.

    Args:
        signature: What it shows.
        settings: Who the server is, and where it speaks gRPC.
    """
    folder = files("modelway.serving").joinpath("docs")
    script = "".join(folder.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    server = msgspec.json.encode(_described(signature, settings)).decode().replace("<", "\\u003c")
    html = folder.joinpath("page.html").read_text(encoding="utf-8")
    for place, text in (("{{style}}", style), ("{{script}}", script), ("{{server}}", server)):
        before, _, after = html.partition(place)
        html = before + text + after
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'; script-src {_hash(script)}; style-src {_hash(style)}"
    )
    return DocsPage(html.encode(), f"content-security-policy: {policy}\r\n".encode())


def _described(signature: Signature, settings: WorkerSettings) -> dict[str, Any]:
    """What the page's script knows."""
    target, identity = settings.target, settings.identity
    usual = usual_endpoint(signature)
    endpoints: list[dict[str, Any]] = []
    for endpoint in signature.endpoints:
        values: dict[str, Any] = msgspec.to_builtins(endpoint)
        del values["flow"]
        values["facts"] = list(running_facts(endpoint))
        values["flow_lines"] = endpoint_lines(endpoint, signature.steps)
        values["example"] = msgspec.json.encode(_request_to_try(endpoint, target)).decode()
        values["tensors"] = [
            {"name": each.name, "datatype": datatype_of(each), "form": _form(each)} for each in endpoint.inputs
        ]
        values["usual"] = endpoint is usual
        endpoints.append(values)
    return {
        "name": target.name,
        "version": target.version,
        "model": identity.model or target.name,
        "deployed": "/".join(each for each in (identity.project, identity.model, identity.version) if each),
        "grpc": settings.grpc_port,
        "endpoints": endpoints,
    }


def _form(field: Field) -> str:
    """How a value becomes the elements of its tensor."""
    if is_array(field):
        return "array"
    if datatype_of(field) != "BYTES":
        return "number"
    return "octets" if is_octets(field) else "text" if is_text(field) else "json"


def _request_to_try(endpoint: EndpointSignature, target: Target) -> Any:
    """The first golden example, which makes sense, unless it is too long to be read in a form."""
    golden = (example.request for example in target.examples if example.endpoint == endpoint.name)
    request: Any = next(golden, None)
    if request is None or len(msgspec.json.encode(request)) > LONGEST_EXAMPLE:
        return request_example(endpoint)
    return request


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
