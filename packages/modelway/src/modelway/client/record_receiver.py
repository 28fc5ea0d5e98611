"""The platform as the keeper of records that were written on this machine."""

from typing import Any, cast
from urllib.parse import quote

from modelway.client.http_client import HttpClient
from modelway.errors import UnavailableError


class RecordReceiver:
    """Keeps pieces of segments at a platform, over its REST API; a `Receiver` of `modelway.serving.observing.shipper`.

    Args:
        http: Its control API, with a key or token that may send such records.
        kind: `access` or `inference`.
        origin: Who sends: letters, digits, `.`, `_` and `-`, at most 128; no two machines may share one.
    """

    def __init__(self, http: HttpClient, kind: str, origin: str) -> None:
        self._http = http
        self._path = f"/v1/records/{kind}/{quote(origin, safe='')}"

    def take(self, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        """Sends a piece; how many octets of the segment are kept.

        Raises:
            ModelwayError: The platform cannot be reached, refuses, or answers something else.
        """
        answer: Any = self._http.request(
            "POST",
            f"{self._path}/{segment}",
            query={"start": str(start), "ended": "true" if ended else "false"},
            body=lines,
            headers={"Content-Type": "application/octet-stream"},
        ).json()
        size: Any = cast("dict[str, Any]", answer).get("size") if isinstance(answer, dict) else None
        if type(size) is not int:
            raise UnavailableError("the platform's answer says nothing of what it kept", code="unreachable")
        return size
