"""Promotions of deployments from stage to stage."""

from typing import Any

from modelway.client.control.calls import ControlCalls, Items, converted
from modelway.client.control.documents import object_path


class PromotionsClient(ControlCalls):
    """Promotions."""

    def promote(self, name: str, *, to: str = "", reason: str = "") -> dict[str, Any]:
        """Asks for a deployment to move into the next stage of its project; `to` says which that should be."""
        body = {"to": to, "reason": reason}
        return self._object(self._post(object_path("deployments", name) + "/promote", body))

    def promotions(self, below: str = "", *, under_way: bool = False, most: int = 100) -> list[dict[str, Any]]:
        """The newest promotions, newest first; `below` is `project[/model[/version]]`."""
        scope = dict(zip(("project", "model", "version"), below.split("/") if below else (), strict=False))
        query = {**scope, "most": str(most), **({"open": "true"} if under_way else {})}
        return converted(self._http.request("GET", "/v1/promotions", query=query).json(), Items).items

    def promotion(self, number: int) -> dict[str, Any]:
        """One promotion with what its gates said."""
        return self._object(self._http.request("GET", f"/v1/promotions/{number}"))

    def steer_promotion(self, number: int, action: str, *, comment: str = "") -> dict[str, Any]:
        """Says of a promotion: `approve`, `reject`, `pause`, `resume`, `abort` or `retry`."""
        return self._object(self._post(f"/v1/promotions/{number}/steer", {"action": action, "comment": comment}))
