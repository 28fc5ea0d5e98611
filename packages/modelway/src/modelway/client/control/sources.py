"""Git repositories that are followed."""

from collections.abc import Mapping
from typing import Any

import msgspec

from modelway.client.addresses import path_of
from modelway.client.control.calls import ControlCalls


class SourcesClient(ControlCalls):
    """Git sources."""

    def set_source(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Follows a Git repository; members of `spec` as `PUT /v1/sources/{name}` has them."""
        body = msgspec.json.encode(spec)
        headers = {"content-type": "application/json"}
        return self._object(self._http.request("PUT", "/v1/sources" + path_of(name), body=body, headers=headers))

    def get_source(self, name: str) -> dict[str, Any]:
        """A source with its last commits and what has drifted."""
        return self._object(self._http.request("GET", "/v1/sources" + path_of(name)))

    def create_webhook(self, name: str) -> dict[str, Any]:
        """Where a Git server tells of pushes to a source, and the secret it signs with, which is in this answer and nowhere else.

        Made again, the secret is another one; the one before stays valid for a day.
        """
        return self._object(self._http.request("POST", f"/v1/sources{path_of(name)}/webhook"))

    def delete_webhook(self, name: str) -> None:
        """From now on nobody is listened to for a source."""
        self._http.request("DELETE", f"/v1/sources{path_of(name)}/webhook")

    def sync_source(self, name: str) -> None:
        """Looks at a source's branch now."""
        self._http.request("POST", f"/v1/sources{path_of(name)}/sync")

    def remove_source(self, name: str) -> None:
        """Follows a source no more; what it declared stays declared."""
        self._http.request("DELETE", "/v1/sources" + path_of(name))
