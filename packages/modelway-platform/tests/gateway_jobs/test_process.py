"""The jobs process with a gateway that follows a script: what each answer means, and what outages do."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.domain.routing.jobs import job_pass
from modelway_platform.domain.routing.jobs.async_policy import AsyncPolicy
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules
from modelway_platform.gateway.jobs.http_call import Peer, Received, ask_once
from modelway_platform.gateway.jobs.process import JobsProcess, JobsSettings
from modelway_platform.gateway.jobs.stores.contents import DirectoryContents
from modelway_platform.gateway.jobs.stores.port import JobStore
from modelway_platform.gateway.jobs.stores.store_sql import SqlJobStore
from modelway_platform.store.files.table_file import write_table

SECRET = "shared"
OK = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\nmodelway-version: v1\r\n\r\n{"a":1}'


def answer(status: str, body: bytes = b'{"error":{"code":"handler_failed"}}', more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


@dataclass
class Gateway:
    """Answers in turn, the last for ever; keeps the heads and bodies that came."""

    answers: list[bytes] = field(default_factory=lambda: [OK])
    came: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    port: int = 0
    left: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = int(next(line[16:] for line in head.split("\r\n") if line.startswith("content-length: ")))
                self.came.append((head, await reader.readexactly(length)))
                said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if said == b"hang":
                    await reader.read()
                    self.left += 1
                    break
                writer.write(said)
                await writer.drain()
                if b"content-length" not in said:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Running:
    """A jobs process on this loop, spoken to as the gateway does."""

    def __init__(self, port: int, gateway: Gateway) -> None:
        self.port = port
        self.gateway = gateway

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Received:
        lines = {"modelway-jobs-secret": job_pass.derived_secret(SECRET, "gateway to jobs"), "modelway-consumer": "ann"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        peer = Peer(host="127.0.0.1", port=self.port)
        async with asyncio.timeout(40):
            return await ask_once(peer, head.encode() + b"\r\n" + body, 1 << 24, 5)

    async def submit(self, body: bytes = b"{}", **headers: str) -> Received:
        ours = {"modelway_job_model": "p/m", "modelway_job_target": "/p/m/predict", "content_type": "application/json"}
        return await self.ask("POST", "/submit", body, **ours | headers)

    async def ended(self, body: bytes = b"{}", **headers: str) -> dict[str, Any]:
        submitted = await self.submit(body, **headers)
        assert submitted.status == 202, submitted
        return await self.final(json.loads(submitted.body)["id"])

    async def final(self, job_id: str) -> dict[str, Any]:
        found = await self.ask("GET", f"/_/jobs/{job_id}?wait=30")
        assert found.status == 200, found
        return json.loads(found.body)


def table(policy: AsyncPolicy) -> RouteTable:
    replica = ReplicaEntry(id="r", host="127.0.0.1", port=1)
    model = ModelEntry(
        project="p",
        model="m",
        access="key",
        idempotent=False,
        timeout_seconds=5,
        max_body_bytes=1 << 20,
        versions=(VersionEntry(version="v1", weight=1, replicas=(replica,)),),
        asynchronous=policy,
    )
    return RouteTable(number=1, models=(model,), keys=())


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncGenerator[Start]:
    stops: list[tuple[asyncio.Event, asyncio.Task[None]]] = []
    servers: list[asyncio.Server] = []

    async def started(store: JobStore | None = None, **policy: Any) -> Running:
        gateway = Gateway()
        server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
        servers.append(server)
        gateway.port = server.sockets[0].getsockname()[1]
        write_table(tmp_path / "table.json", table(AsyncPolicy(**policy)))
        settings = JobsSettings(
            port=0,
            store=store or SqlJobStore(f"sqlite:///{tmp_path / 'jobs.db'}"),
            contents=DirectoryContents(tmp_path / "jobs"),
            gateway=Peer(host="127.0.0.1", port=gateway.port),
            secret=SECRET,
            owner="me",
            table_path=tmp_path / "table.json",
            metrics_path=tmp_path / "jobs.metrics.prom",
            rules=CallbackRules(),
        )
        stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
        stops.append((stop, asyncio.create_task(JobsProcess(settings).serve(stop, port.set_result))))
        running = Running(await port, gateway)
        ends = time.monotonic() + 20
        while (await running.ask("GET", "/_/jobs")).status != 200:
            assert time.monotonic() < ends, "the store did not open"
            await asyncio.sleep(0.02)
        return running

    yield started
    for stop, task in stops:
        stop.set()
        await task
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_what_the_gateway_is_asked(start: Start) -> None:
    running = await start()
    job = await running.ended(b'{"x":1}', x_thing="7", prefer="respond-async", authorization="", idempotency_key="k")
    assert job["state"] == "succeeded"
    assert job["result"] == {
        "status": 200,
        "contentType": "application/json",
        "bytes": 7,
        "url": f"/_/jobs/{job['id']}/result",
        "version": "v1",
        "json": {"a": 1},
    }
    ((head, body),) = running.gateway.came
    lines = head.split("\r\n")
    assert lines[0] == "POST /p/m/predict HTTP/1.1"
    assert body == b'{"x":1}'
    assert {"x-thing: 7", f"idempotency-key: {job['id']}", f"x-request-id: {job['id']}.1"} <= set(lines)
    assert not any(line.startswith(("prefer", "modelway-jobs-secret")) for line in lines)
    given = next(line.removeprefix("authorization: Bearer ") for line in lines if line.startswith("authorization"))
    read = job_pass.read(SECRET, given, time.time())
    assert read is not None
    assert (read.consumer, read.project, read.model) == ("ann", "p", "m")
    assert job_pass.read(SECRET, given, time.time() + job_pass.PASS_SECONDS + 1) is None
    assert job_pass.read("other", given, time.time()) is None
    assert job_pass.read(SECRET, given[:-1] + ("0" if given[-1] != "0" else "1"), time.time()) is None


async def test_failed_tries_are_counted_until_it_is_a_dead_letter(start: Start) -> None:
    running = await start(attempts=3)
    running.gateway.answers = [answer("500 Internal Server Error"), answer("502 Bad Gateway"), OK]
    assert (await running.ended())["attempts"] == 2
    running.gateway.answers = [answer("500 Internal Server Error")]
    job = await running.ended()
    assert (job["state"], job["reason"], job["result"]["status"]) == ("dead", "handler_failed", 500)
    result = await running.ask("GET", f"/_/jobs/{job['id']}/result")
    assert result.status == 500
    assert result.header("modelway-job-state") == "dead"
    running.gateway.answers = [OK]
    assert (await running.ask("POST", f"/_/jobs/{job['id']}/replay")).status == 202
    again = await running.final(job["id"])
    assert (again["state"], again["attempts"]) == ("succeeded", 0)
    assert (await running.ask("POST", f"/_/jobs/{job['id']}/replay")).status == 409


async def test_while_nobody_is_there_nothing_is_counted(start: Start) -> None:
    running = await start(attempts=1)
    running.gateway.answers = [
        answer("503 Service Unavailable"),
        answer("429 Too Many Requests", more="retry-after: 1\r\n"),
        answer("401 Unauthorized"),
        OK,
    ]
    job = await running.ended()
    assert (job["state"], job["attempts"]) == ("succeeded", 0)
    assert len(running.gateway.came) == 4


async def test_an_answer_that_breaks_off_is_no_answer(start: Start) -> None:
    running = await start(attempts=1)
    running.gateway.answers = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal",
        b"no HTTP at all\r\n\r\n",
        OK,
    ]
    assert (await running.ended())["state"] == "succeeded"


async def test_an_answer_that_is_too_large_is_not_kept(start: Start) -> None:
    running = await start(max_result_bytes=6)
    job = await running.ended()
    assert (job["state"], job["reason"]) == ("failed", "result_too_large")
    result = await running.ask("GET", f"/_/jobs/{job['id']}/result")
    assert (result.status, json.loads(result.body)["error"]["code"]) == (502, "result_too_large")


async def test_cancelling_ends_what_is_under_way(start: Start) -> None:
    running = await start()
    running.gateway.answers = [b"hang"]
    job_id = json.loads((await running.submit()).body)["id"]
    while not running.gateway.came:  # noqa: ASYNC110 - filled by a server
        await asyncio.sleep(0.01)
    assert (await running.ask("DELETE", f"/_/jobs/{job_id}")).status == 200
    async with asyncio.timeout(5):
        while not running.gateway.left:  # noqa: ASYNC110 - the gateway notices when the connection ends
            await asyncio.sleep(0.01)
    assert (await running.final(job_id))["state"] == "cancelled"


async def test_the_port_is_the_gateways_alone(start: Start) -> None:
    running = await start()
    for secret in ("wrong", SECRET):
        assert (await running.ask("GET", "/_/jobs", modelway_jobs_secret=secret)).status == 403
        assert (await running.submit(modelway_jobs_secret=secret)).status == 403


async def test_on_an_open_route_the_id_is_the_key(start: Start) -> None:
    running = await start()
    job = await running.ended(modelway_consumer="")
    shown = await running.ask("GET", f"/_/jobs/{job['id']}", modelway_consumer="")
    assert shown.status == 200
    assert (await running.ask("GET", "/_/jobs", modelway_consumer="")).status == 401
    owned = await running.ended()
    hidden = await running.ask("GET", f"/_/jobs/{owned['id']}", modelway_consumer="")
    assert hidden.status == 401
    refused = await running.submit(modelway_consumer="", idempotency_key="k")
    assert refused.status == 400


async def test_nothing_is_accepted_while_the_database_is_away(start: Start, request: pytest.FixtureRequest) -> None:
    """Row R11: 503 and never 202 without a durable row; back within 10 s without a restart."""
    postgres = request.getfixturevalue("postgres")
    running = await start(SqlJobStore(postgres.url))
    began = time.monotonic()
    while (await running.submit()).status != 202:  # on a busy machine a new database may take a while
        assert time.monotonic() - began < 30
        await asyncio.sleep(0.1)
    before = await running.ended()
    await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
    for _ in range(5):
        refused = await running.submit()
        assert refused.status == 503
        assert json.loads(refused.body)["error"]["code"] == "jobs_unavailable"
        assert refused.header("retry-after")
        assert (await running.ask("GET", f"/_/jobs/{before['id']}")).status == 503
    await asyncio.to_thread(postgres.start)
    back = time.monotonic()
    while (accepted := await running.submit()).status != 202:
        assert time.monotonic() - back < 60
        await asyncio.sleep(0.05)
    assert (await running.final(json.loads(accepted.body)["id"]))["state"] == "succeeded"
    assert (await running.final(before["id"]))["id"] == before["id"]


async def test_a_full_disk_is_said_and_gets_well(start: Start, tmp_path: Path) -> None:
    """Row R10: 507, the database whole, and normal again once there is space."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=2m", "none", str(small))
    mounted = await asyncio.create_subprocess_exec(*mount, stderr=subprocess.DEVNULL)
    if await mounted.wait():
        pytest.skip("mounting a small file system needs root")
    try:
        filler = small / "filler"
        filler.write_bytes(bytes(1_000_000))
        running = await start(SqlJobStore(f"sqlite:///{small / 'jobs.db'}"), concurrency=1)
        running.gateway.answers = [b"hang"]
        statuses: list[int] = []
        while 507 not in statuses:
            statuses.append((await running.submit(b"x" * 60_000)).status)
            assert len(statuses) < 100
        assert set(statuses) == {202, 507}
        filler.unlink()
        running.gateway.answers = [OK]
        ends = time.monotonic() + 30
        while (accepted := await running.submit()).status != 202:
            assert time.monotonic() < ends
            await asyncio.sleep(0.1)
        kept = json.loads((await running.ask("GET", "/_/jobs?limit=500")).body)["items"]
        assert len(kept) == statuses.count(202) + 1, "each that was acknowledged, and no other"
        assert json.loads(accepted.body)["id"] in {job["id"] for job in kept}
        with contextlib.closing(sqlite3.connect(small / "jobs.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        await (await asyncio.create_subprocess_exec("umount", "-l", str(small))).wait()


async def test_many_are_accepted_with_few_syncs(start: Start) -> None:
    running = await start(concurrency=50)
    accepted = await asyncio.gather(*(running.submit() for _ in range(200)))
    assert {each.status for each in accepted} == {202}
    jobs = [await running.final(json.loads(each.body)["id"]) for each in accepted]
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert len({job["id"] for job in jobs}) == 200
