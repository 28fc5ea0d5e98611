"""The page at `/docs`: what the model takes and answers, and a form to try it. Everything is in it; it loads nothing."""

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from modelway.serving.openapi import request_example
from modelway.serving.settings import Target
from modelway.signature import EndpointSignature, Signature

LONGEST_EXAMPLE = 5000


class DocsPage(NamedTuple):
    """The page and the header line that lets a browser run nothing but what is in it."""

    html: bytes
    headers: bytes


def docs_page(signature: Signature, target: Target) -> DocsPage:
    """Make the page."""
    described: list[dict[str, Any]] = msgspec.to_builtins(signature.endpoints)
    for endpoint, values in zip(signature.endpoints, described, strict=True):
        values["example"] = _request_to_try(endpoint, target)
    server = msgspec.json.encode({"name": target.name, "version": target.version, "endpoints": described}).decode()
    template = files("modelway.serving").joinpath("docs.html").read_text(encoding="utf-8")
    html = template.replace("{{server}}", server.replace("<", "\\u003c"))
    script = re.search(r"<script>(.*?)</script>", template, re.DOTALL)
    style = re.search(r"<style>(.*?)</style>", template, re.DOTALL)
    assert script is not None
    assert style is not None
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(script[1])}; style-src {_hash(style[1])}"
    )
    return DocsPage(html.encode(), f"content-security-policy: {policy}\r\n".encode())


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
