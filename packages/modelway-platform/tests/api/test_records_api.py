"""Records of other machines over REST and gRPC."""

from typing import Any

import pytest

PATH = "/v1/records/access/edge-1/worker-0-1.ndjson"


def test_pieces_are_kept_once(api: Any) -> None:
    assert api.ask("POST", f"{PATH}?start=0", b'{"time":1}\n').json == {"size": 11}
    assert api.ask("POST", f"{PATH}?start=0", b'{"time":1}\n').json == {"size": 11}
    assert api.ask("POST", f"{PATH}?start=11&ended=true", b'{"time":2}\n').json == {"size": 22}
    assert (api.root / "shipped/edge-1/access/worker-0-1.ndjson").read_bytes() == b'{"time":1}\n{"time":2}\n'


def test_a_gap_is_told(api: Any) -> None:
    assert api.ask("POST", f"{PATH}?start=50", b"{}\n").json == {"size": 0}
    assert api.ask("POST", PATH, b"").json == {"size": 0}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/records/access/edge-1/collected", b"{}\n", 400),
        ("/v1/records/access/%2e%2e/worker-0-1.ndjson", b"{}\n", 400),
        ("/v1/records/other/edge-1/worker-0-1.ndjson", b"{}\n", 404),
        (f"{PATH}?start=-1", b"{}\n", 400),
        (f"{PATH}?start=x", b"{}\n", 400),
        (f"{PATH}?end=true", b"{}\n", 400),
        (PATH, b"{", 400),
        (PATH, b"{}\n" * (2 << 20), 413),
    ],
)
def test_what_is_no_piece_is_refused(api: Any, path: str, body: bytes, status: int) -> None:
    refused = api.ask("POST", path, body)
    assert refused.status == status, refused.body
    assert not list((api.root / "shipped").rglob("*.ndjson"))
