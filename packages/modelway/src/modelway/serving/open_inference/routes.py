"""The protocol's paths: health, metadata, index; inference is found here and run by the connection."""

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError, UnavailableError
from modelway.serving.open_inference.metadata import model_metadata, server_metadata
from modelway.serving.page import Page
from modelway.serving.settings import Identity, Target
from modelway.signature import Signature

PREFIX = b"/v2"
_MODEL = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?(?P<rest>/ready|/infer|)", re.ASCII)


class Routes:
    """Answers everything but inference.

    Args:
        target: Name and version of the model.
        identity: Its name and version on the platform.
    """

    def __init__(self, target: Target, identity: Identity) -> None:
        self._names = {target.name, identity.model} - {""}
        self._versions = {target.version, identity.version} - {""}
        self._name = identity.model or target.name
        self._version = identity.version or target.version

    @property
    def names(self) -> list[str]:
        """What the model is called here."""
        return sorted(self._names)

    @property
    def versions(self) -> list[str]:
        """What its version is called here."""
        return sorted(self._versions)

    def answer(self, method: bytes, path: str, signature: Signature | None, *, ready: bool) -> Page | str:
        """A page, or the name of the model that shall infer.

        Raises:
            ModelwayError: There is no such path or model, or it does not take this method.
        """
        if path.endswith("/infer"):
            _allow(method, path, b"POST")
            self._model(path)
            if signature is None or not ready:
                raise UnavailableError("the model is not ready yet", hint="ask /v2/health/ready; try again")
            return self._name
        if path == "/v2/repository/index":
            _allow(method, path, b"POST", b"GET")
            return _page(self.index(ready=ready))
        _allow(method, path, b"GET", b"HEAD")
        if path in {"/v2", "/v2/"}:
            return _page(server_metadata())
        if path == "/v2/health/live":
            return _page({"live": True})
        if path == "/v2/health/ready" or self._model(path) == "/ready":
            return _page({"name": self._name, "ready": ready}, 200 if ready else 503)
        return _page(self.metadata(signature))

    def index(self, *, ready: bool) -> list[dict[str, str]]:
        """The one model there is."""
        state = "READY" if ready else "UNAVAILABLE"
        return [{"name": self._name, "version": self._version, "state": state, "reason": ""}]

    def metadata(self, signature: Signature | None) -> dict[str, Any]:
        """What the model takes and gives.

        Raises:
            UnavailableError: It is not loaded yet.
        """
        if signature is None:
            raise UnavailableError("the model is not loaded yet", hint="ask /v2/health/ready; try again")
        return model_metadata(signature, self._name, [self._version] if self._version else [])

    def model_head(self, name: str) -> dict[str, Any]:
        """Members of an answer that say who gave it."""
        return {"model_name": name, "model_version": self._version}

    def _model(self, path: str) -> str:
        found = _MODEL.fullmatch(path)
        if found is None:
            raise NotFoundError(f"there is no path {path[:80]}", hint="see /v2 of the Open Inference Protocol")
        self.check(unquote(found["model"]), unquote(found["version"] or ""))
        return found["rest"]

    def check(self, model: str, version: str) -> str:
        """The model's name, if it is that of the one here; `version` may be empty.

        Raises:
            NotFoundError: It is not here.
        """
        if model not in self._names:
            raise NotFoundError(
                f"there is no model '{model[:80]}' here", hint=f"this is '{self._name}'", code="model_not_found"
            )
        if version and version not in self._versions:
            raise NotFoundError(
                f"there is no version '{version[:80]}' of '{model}' here",
                hint=f"this is '{self._version}'",
                code="version_not_found",
            )
        return self._name


def error_page(error: ModelwayError) -> Page:
    """The protocol's error form; what is wrong with a request is always 400 there."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    headers = b"allow: %b\r\n" % error.allow if isinstance(error, _NotAllowedError) else b""
    return _page({"error": text}, 400 if error.http == 422 else error.http, headers)


class _NotAllowedError(InvalidRequestError):
    """Another method than the path takes; RFC 9110, section 15.5.6 wants those it does take in the answer."""

    code = "method_not_allowed"

    def __init__(self, message: str, methods: tuple[bytes, ...]) -> None:
        super().__init__(message, hint=f"use {' or '.join(each.decode() for each in methods)}")
        self.allow = b", ".join(methods)


def _page(value: Any, status: int = 200, headers: bytes = b"") -> Page:
    return Page(status, msgspec.json.encode(value), headers=headers)


def _allow(method: bytes, path: str, *methods: bytes) -> None:
    if method not in methods:
        raise _NotAllowedError(f"{path[:80]} does not take {method.decode('latin-1')}", methods)
