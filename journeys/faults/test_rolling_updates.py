"""R7: rolling updates under load and under streams: nothing fails, no stream is cut."""

import asyncio
import json
import time

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.open_load import Ask, OpenLoad
from journeys.faults.projects import BYTES_BODY, JSON_BODY, route_with
from journeys.faults.streams import Streams
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "r7/faulted/v1"
ASKS = (
    Ask(path="/r7/faulted/echo", body=JSON_BODY),
    Ask(path="/r7/faulted/size", body=BYTES_BODY, media_type="application/octet-stream"),
)


def test_r7_rolling_updates_fail_no_request_and_cut_no_stream(
    platform: RunningPlatform, faulted: str, figure: Figure
) -> None:
    """No idempotence declared: old replicas drain, new ones are ready before."""
    updates, seconds = pick(1, 20), pick(3.0, 30.0)
    drain = f"drainSeconds: {seconds + 15:g}, "

    def declared(label: str) -> str:
        return deployment(NAME, faulted, replicas=2, LABEL=label).replace("spec: {", "spec: {" + drain)

    platform.apply(declared("0"), route_with("r7/faulted", {"v1": 1}))
    platform.wait_ready(NAME)
    platform.wait_routed("/r7/faulted/v1/echo")
    streams = Streams(platform, "/r7/faulted/count", seconds=seconds)
    with OpenLoad(lambda media: platform.caller(media_type=media), ASKS, rate=pick(100, 200)) as load, streams:
        time.sleep(0.5)
        started = time.monotonic()
        for number in range(1, updates + 1):
            platform.apply(declared(str(number)))
            platform.wait_ready(NAME, seconds=60)
        took = time.monotonic() - started
        streams.wait_whole()
    figure(
        "R7",
        updates=updates,
        requests=len(load.asked),
        failed=len(load.failed),
        p99_ms=load.quantile_ms(0.99),
        streams=len(streams.ended),
        stream_seconds=seconds,
        cut=len(streams.cut),
        seconds=round(took, 1),
    )
    assert not load.failed, load.summary()
    assert not streams.cut, streams.cut[:3]
    assert streams.ended
    labels = {json.loads(each.reply.body)["label"] for each in load.asked if each.ask is ASKS[0]}
    assert labels == {str(number) for number in range(updates + 1)}, "each revision answered"


def test_streams_know_a_cut_one(platform: RunningPlatform, faulted: str) -> None:
    """The count of cut streams can be other than 0: a stream whose server ends early is one."""

    async def run() -> list[str]:
        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n0\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()[:2]
            streams = Streams(platform, "/", seconds=0.2, address=(host, port))
            await streams.one()
            return streams.cut

    assert asyncio.run(run())
