"""Anomalies of models: what was seen, people's word on it, and the series behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelway.client.addresses import path_of
from modelway.client.control.calls import ControlCalls, Items, converted
from modelway.errors import NotFoundError


class AnomaliesClient(ControlCalls):
    """What the platform noticed by itself."""

    def anomalies(
        self, *, project: str = "", model: str = "", state: str = "", most: int = 100
    ) -> list[dict[str, Any]]:
        """The newest, newest first; `state` may be open, acknowledged, resolved, or standing for what is not resolved."""
        query = {"project": project, "model": model, "state": state, "most": str(most)}
        return self._items("/v1/anomalies", {name: value for name, value in query.items() if value})

    def anomaly(self, name: str) -> dict[str, Any]:
        """One with its evidence.

        Raises:
            NotFoundError: There is none of this id among the newest thousand.
        """
        return self._object(self._http.request("GET", path_of("v1", "anomalies", self._project_of(name), name)))

    def acknowledge_anomaly(self, name: str, *, note: str = "") -> dict[str, Any]:
        """Says that somebody looks after it; said again, it changes nothing."""
        path = path_of("v1", "anomalies", self._project_of(name), name, "acknowledge")
        return self._object(self._post(path, {"note": note}))

    def anomaly_mutes(self) -> list[dict[str, Any]]:
        """Of what nobody is told at present."""
        return self._items("/v1/anomaly-mutes", {})

    def mute_anomalies(
        self, project: str, *, lasting: str, model: str = "", cause: str = "", note: str = ""
    ) -> dict[str, Any]:
        """Nobody is told for a while (`lasting`, as 12h) of a project's anomalies, a model's, of one cause."""
        given = {"model": model, "cause": cause, "for": lasting, "note": note}
        return self._object(self._post(path_of("v1", "anomaly-mutes", project), given))

    def unmute_anomalies(self, project: str, name: str) -> None:
        """From now on people are told again."""
        self._http.request("DELETE", path_of("v1", "anomaly-mutes", project, name))

    def anomaly_policies(self) -> list[dict[str, Any]]:
        """What is watched of whom, where somebody said so."""
        return self._items("/v1/anomaly-policies", {})

    def set_anomaly_policy(
        self, project: str, *, model: str = "", sensitivity: str = "", causes: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Says what is watched of a project's models, or of one of them."""
        given = {"model": model, "sensitivity": sensitivity, "causes": list(causes)}
        path = path_of("v1", "anomaly-policies", project)
        body = msgspec.json.encode(given)
        headers = {"Content-Type": "application/json"}
        return self._object(self._http.request("PUT", path, body=body, headers=headers))

    def model_series(self, project: str, model: str, *, since: str = "") -> dict[str, Any]:
        """A model's series with what is usual, and what can be judged of it."""
        query = {"since": since} if since else None
        return self._object(self._http.request("GET", path_of("v1", "series", project, model), query=query))

    def _project_of(self, name: str) -> str:
        found = next((each for each in self.anomalies(most=1000) if each["id"] == name), None)
        if found is None:
            raise NotFoundError(f"there is no anomaly {name[:50]!r}", hint="see: modelway anomalies")
        return found["project"]

    def _items(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return converted(self._http.request("GET", path, query=dict(query)).json(), Items).items
