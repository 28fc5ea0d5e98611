"""Rollouts under way: people's word on them, and what they did."""

from typing import Any

from modelway.client.control.calls import ControlCalls, Items, converted
from modelway.client.control.documents import object_path


class RolloutsClient(ControlCalls):
    """What of rollouts is not as with every document."""

    def steer_rollout(self, name: str, action: str) -> dict[str, Any]:
        """Says of a rollout (`project/model`): `pause`, `resume`, `promote`, `abort`, `undo` or `retry`."""
        return self._object(self._post(object_path("rollouts", name) + "/steer", {"action": action}))

    def rollout_moves(self, name: str, *, run: int = 0) -> list[dict[str, Any]]:
        """Everything that runs of a rollout did, each with its numbers, oldest first; of one run where `run` says which."""
        query = {"run": str(run)} if run else None
        answer = self._http.request("GET", object_path("rollouts", name) + "/moves", query=query)
        return converted(answer.json(), Items).items
