"""Where a blocking query of Consul stands: https://developer.hashicorp.com/consul/api-docs/features/blocking."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

WAIT_SECONDS = 55


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is sent with the next query.

    Args:
        index: The last `X-Consul-Index`; 0 asks for the state there is, at once.
        content_hash: The last `X-Consul-ContentHash`, for answers of an agent itself, which have no index.
    """

    index: int = 0
    content_hash: str = ""

    def query(self) -> str:
        """Its part of the query string; one that has seen nothing does not wait."""
        if self.index:
            return urlencode({"index": self.index, "wait": f"{WAIT_SECONDS}s"})
        if self.content_hash:
            return urlencode({"hash": self.content_hash, "wait": f"{WAIT_SECONDS}s"})
        return ""

    def after(self, headers: Mapping[str, str]) -> tuple["Cursor", bool]:
        """The cursor after an answer, and whether Consul's state went backwards: then the index is of a state that is lost.

        An index that is smaller than the last one starts anew, and one below 1 never is used: a query with 0 does not block.
        """
        content_hash = headers.get("x-consul-contenthash", "")
        written = headers.get("x-consul-index", "")
        if not written.isdecimal():
            return Cursor(content_hash=content_hash), False
        index = max(int(written), 1)
        if index < self.index:
            return Cursor(), True
        return Cursor(index=index), False


def knows_leader(headers: Mapping[str, str]) -> bool:
    """Whether whoever answered was in touch with the cluster's leader; a stale answer may come without."""
    return headers.get("x-consul-knownleader", "true").lower() != "false"
