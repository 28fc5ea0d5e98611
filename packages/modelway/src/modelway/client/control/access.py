"""Who may change what: tokens, issuers of tokens, and the audit log."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from modelway.client.addresses import path_of
from modelway.client.control.calls import ControlCalls, Items, converted, decoded


class AccessClient(ControlCalls):
    """Tokens, issuers and the audit log."""

    def create_token(
        self, name: str, *, role: str = "reader", projects: Sequence[str] = (), expires: str = ""
    ) -> dict[str, Any]:
        """A new token of this API; its `secret` is in this answer and nowhere else.

        Args:
            name: Who or what it is for.
            role: `reader`, `deployer` or `admin`.
            projects: What a deployer may change.
            expires: `90d`, `12h`; never unless given.
        """
        body = {"name": name, "role": role, "projects": list(projects), "expires": expires}
        return self._object(self._post("/v1/tokens", body))

    def revoke_token(self, token_id: str) -> None:
        """From now on the token opens nothing."""
        self._http.request("DELETE", "/v1/tokens" + path_of(token_id))

    def audit(
        self,
        *,
        kind: str = "",
        name: str = "",
        actor: str = "",
        action: str = "",
        project: str = "",
        since: str = "",
        until: str = "",
        request_id: str = "",
        after: int = 0,
        most: int = 100,
    ) -> list[dict[str, Any]]:
        """The newest changes that fit, oldest first: `sequence`, `at`, `actor`, `action`, `kind`, `name`, `changes`.

        Args:
            kind: Only of a Deployment, Route, Cluster, Stage, Key, Token, Issuer, Source or Package.
            name: Only of this one.
            actor: Only by this key or token, by its name.
            action: Only this: created, changed, deleted, paused, …
            project: Only of what is of this project.
            since: `90m`, `2h`, `7d` or a time with its zone.
            until: In the same form.
            request_id: Only by this request.
            after: Only with a larger number.
            most: How many.
        """
        wanted = {"kind": kind, "name": name, "actor": actor, "action": action, "project": project, "since": since}
        wanted |= {"until": until, "requestId": request_id, "after": str(after) if after else "", "most": str(most)}
        query = {member: value for member, value in wanted.items() if value}
        return converted(self._http.request("GET", "/v1/audit", query=query).json(), Items).items

    def watch_audit(
        self, *, since: int = 0, kind: str = "", name: str = "", actor: str = "", action: str = "", project: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Every change after a number that fits, and those to come, until the server ends it."""
        wanted = {"kind": kind, "name": name, "actor": actor, "action": action, "project": project}
        query = {"since": str(since)} | {member: value for member, value in wanted.items() if value}
        with self._http.stream("GET", "/v1/audit:watch", query=query, silence=None) as stream:
            for line in stream.lines():
                yield decoded(line, dict[str, Any])

    def set_issuer(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Declares whose tokens are taken beside keys; members of `spec` as `PUT /v1/issuers/{name}` has them."""
        body = msgspec.json.encode(dict(spec))
        headers = {"Content-Type": "application/json"}
        return self._object(self._http.request("PUT", "/v1/issuers" + path_of(name), body=body, headers=headers))

    def remove_issuer(self, name: str) -> None:
        """From now on its tokens open nothing."""
        self._http.request("DELETE", "/v1/issuers" + path_of(name))
