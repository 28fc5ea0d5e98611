"""Requests of callers who left or whose deadline is over are not computed: counted by the model itself."""

import asyncio
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.projects import route_with
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
LEAVING = 20


@pytest.mark.parametrize("how", ["left", "deadline"])
def test_what_nobody_waits_for_is_not_computed(
    platform: RunningPlatform, faulted: str, figure: Figure, tmp_path: Path, how: str
) -> None:
    """One request keeps the model busy, others queue behind it and are given up, a last one is answered."""
    project = f"given-up-{how}"
    counted = tmp_path / "computed"
    counted.touch()
    platform.apply(
        deployment(f"{project}/faulted/v1", faulted, COUNT_FILE=str(counted)),
        route_with(f"{project}/faulted", {"v1": 1}),
    )
    platform.wait_ready(f"{project}/faulted/v1")
    platform.wait_routed(f"/{project}/faulted/v1/echo")

    async def send(text: str, seconds: float, *lines: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(platform.gateway)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        body = json.dumps({"text": text, "seconds": seconds})
        head = [f"POST /{project}/faulted/echo HTTP/1.1", "Host: x", f"Authorization: Bearer {platform.key}", *lines]
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        writer.write(("\r\n".join(head) + "\r\n\r\n" + body).encode())
        return reader, writer

    async def run() -> list[bytes]:
        busy = await send("busy", 1.5)
        await asyncio.sleep(0.3)
        lines = ["Modelway-Deadline-Ms: 400"] if how == "deadline" else []
        waiting = [await send(f"given up {number}", 0.01, *lines) for number in range(LEAVING)]
        await asyncio.sleep(0.2)
        statuses: list[bytes] = []
        if how == "left":
            for _, writer in waiting:
                writer.close()
        else:
            statuses = [(await reader.readline()).split()[1] for reader, _ in waiting]
        last = await send("last", 0.01)
        answers = [(await reader.readline()).split()[1] for reader, _ in (busy, last)]
        for _, writer in (busy, last, *waiting):
            writer.close()
        assert answers == [b"200", b"200"]
        return statuses

    began = time.monotonic()
    statuses = asyncio.run(run())
    computed = counted.read_text(encoding="utf-8").splitlines()
    wasted = [text for text in computed if text.startswith("given up")]
    figure(f"given_up_{how}", sent=LEAVING, computed_in_vain=len(wasted), seconds=round(time.monotonic() - began, 1))
    assert {"busy", "last"} <= set(computed), "the file counts"
    assert not wasted
    assert set(statuses) <= {b"504"}
