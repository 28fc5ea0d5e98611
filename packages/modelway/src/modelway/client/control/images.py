"""Images in registries: those that nobody needs are taken out."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from modelway.client.control.calls import ControlCalls, decoded
from modelway.client.error_answers import error_from_answer

_SILENCE = 600.0  # a registry may be slow, and is asked for every name it has


class ImagesClient(ControlCalls):
    """Images that the platform pushed."""

    def prune_images(
        self, *, cluster: str = "", revisions: int | None = None, days: float | None = None, dry_run: bool = False
    ) -> Iterator[dict[str, Any]]:
        """What becomes of each image: `image`, `tags`, `package`, `outcome` (`deleted`, `would be deleted`, `kept`), `reason`.

        Args:
            cluster: Only the registry of this cluster.
            revisions: Images of so many packages of each deployment stay; 5 unless given.
            days: And of what was declared within so many days; 30 unless given.
            dry_run: Only say what would go.

        Raises:
            ModelwayError: Code `registry_keeps_images` where a registry deletes nothing.
        """
        asked: dict[str, Any] = {"cluster": cluster, "dryRun": dry_run}
        asked |= {} if revisions is None else {"revisions": revisions}
        asked |= {} if days is None else {"days": days}
        body, headers = msgspec.json.encode(asked), {"Content-Type": "application/json"}
        with self._http.stream("POST", "/v1/images:prune", body=body, headers=headers, silence=_SILENCE) as stream:
            for line in stream.lines():
                told = decoded(line, dict[str, Any])
                if "error" in told:  # the status had been sent before it failed
                    raise error_from_answer(HTTPStatus.SERVICE_UNAVAILABLE, {}, line, asked="POST /v1/images:prune")
                yield told
