"""What requests say of versions, what would become of one, and the platform's own state."""

from collections.abc import Sequence
from typing import Any

from modelway.client.control.calls import ControlCalls
from modelway.client.control.documents import object_path

_COMPARISON_SILENCE = 300.0  # much of the access log is read for it


class ReportsClient(ControlCalls):
    """Reports."""

    def compare(
        self,
        model: str,
        baseline: str,
        candidate: str,
        *,
        since: str = "",
        pinned: bool = False,
        experiment: str = "",
        rewards: tuple[float, float] | None = None,
    ) -> dict[str, Any]:
        """What the requests answered so far say of two versions of a model.

        Args:
            model: `project/model`.
            baseline: The version that is judged by.
            candidate: The version that is judged.
            since: `90m`, `2h`, `7d` or a time with its zone (RFC 3339); the last change of either deployment unless given.
            pinned: Whether requests to a version's own URL count, too.
            experiment: Only those of this experiment of the route.
            rewards: The limits within which rewards always lie; 0 and 1 unless given.
        """
        query = {"baseline": baseline, "candidate": candidate}
        if since:
            query["since"] = since
        if pinned:
            query["pinned"] = "true"
        if experiment:
            query["experiment"] = experiment
        if rewards is not None:
            query |= {"rewardLow": repr(rewards[0]), "rewardHigh": repr(rewards[1])}
        # Much of the access log is read for it.
        path = object_path("routes", model) + "/comparison"
        return self._object(self._http.request("GET", path, query=query, silence=_COMPARISON_SILENCE))

    def traffic(
        self, *, project: str = "", model: str = "", since: str = "1h", until: str = "", steps: int = 120
    ) -> dict[str, Any]:
        """Who called what in a stretch of time: `steps`, `calls`, `routes` with weights and mirrors of then, `unknown`.

        Args:
            project: Whose; all that may be seen unless given.
            model: Of the project; all of them unless given.
            since: `90m`, `2h`, `7d` ago, or a time with its zone (RFC 3339).
            until: In the same words; now unless given.
            steps: Into how many it is divided at most; 1 for the whole as one.
        """
        asked = {"project": project, "model": model, "since": since, "until": until, "steps": str(steps)}
        query = {name: value for name, value in asked.items() if value}
        return self._object(self._http.request("GET", "/v1/traffic", query=query, silence=_COMPARISON_SILENCE))

    def mirror_report(self, model: str, *, since: str = "", examples: int = 5) -> dict[str, Any]:
        """How often the answers to copies of a model's requests agree with those that callers got.

        Args:
            model: `project/model`.
            since: `90m`, `2h`, `7d` or a time with its zone (RFC 3339); the last day unless given.
            examples: How many of the worst to show of each pair of versions.
        """
        query = {"examples": str(examples)} | ({"since": since} if since else {})
        path = object_path("routes", model) + "/mirrors"
        return self._object(self._http.request("GET", path, query=query, silence=_COMPARISON_SILENCE))

    def explain(
        self,
        target: str,
        *,
        method: str = "POST",
        headers: Sequence[tuple[str, str]] = (),
        as_key: str = "",
        body_bytes: int = 0,
    ) -> dict[str, Any]:
        """What the gateway would do with a request, and why; nothing is sent.

        Args:
            target: Its path and query.
            method: Its method.
            headers: (name, value); a key may be among them.
            as_key: Instead, the id, name or consumer of a key.
            body_bytes: Length of the body it would have.
        """
        question = {"target": target, "method": method, "headers": list(headers), "asKey": as_key}
        return self._object(self._post("/v1/explain", question | {"bodyBytes": body_bytes}))

    def status(self) -> dict[str, Any]:
        """The platform's own state."""
        return self._object(self._http.request("GET", "/v1/status"))
