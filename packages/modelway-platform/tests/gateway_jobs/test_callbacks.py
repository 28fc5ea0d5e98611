"""Callbacks that are allowed: what a receiver gets, when it gets it again, and what it can check."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from modelway_platform.gateway.jobs.callbacks import callback_message
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules
from modelway_platform.gateway.jobs.callbacks.callbacks import TRIES, Callbacks
from modelway_platform.gateway.jobs.job import Finished, Job, new_id
from modelway_platform.gateway.jobs.stores.store_sql import SqlJobStore

LOOPBACK = CallbackRules(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
SECRET = "platform"


@dataclass
class Receiver:
    """Answers with the statuses it is told, in turn; keeps what came."""

    port: int = 0
    statuses: list[bytes] = field(default_factory=lambda: [b"200 OK"])
    heads: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    bodies: list[bytes] = field(default_factory=list[bytes])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in head[1:] if line)
        self.heads.append(fields)
        self.bodies.append(await reader.readexactly(int(fields["content-length"])))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:1/\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqlJobStore]:
    made = SqlJobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    await made.open()
    yield made
    await made.close()


async def ended(store: SqlJobStore, receiver: Receiver, **given: int) -> Job:
    now = time.time()
    job = Job(
        id=new_id(now),
        model="p/m",
        target="/p/m/predict",
        consumer="ann",
        created_at=now,
        expires_at=now + 100,
        callback=f"http://127.0.0.1:{receiver.port}/hook?x=1",
        callback_state="waiting",
    )
    await store.submit(replace(job, **given))
    (running,) = await store.claim({"p/m": 1}, "me", now + 20, now)
    await store.finish(job.id, running.lease, Finished(state="failed", reason="invalid_input"), now)
    found = await store.get(job.id)
    assert found is not None
    return found


async def test_the_receiver_can_check_who_told_it(store: SqlJobStore, receiver: Receiver) -> None:
    job = await ended(store, receiver)
    assert await Callbacks(store, SECRET, LOOPBACK).deliver_due() == 1
    (head,) = receiver.heads
    (body,) = receiver.bodies
    secret = callback_message.signing_secret(SECRET, "ann")
    assert secret.startswith("whsec_")
    # As a receiver would, without our code.
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(secret[6:]), signed, hashlib.sha256).digest()
    assert head["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert abs(int(head["webhook-timestamp"]) - time.time()) < 10
    said = json.loads(body)
    assert (said["type"], said["data"]["id"], said["data"]["reason"]) == ("job.failed", job.id, "invalid_input")
    assert secret != callback_message.signing_secret(SECRET, "bob")
    assert SECRET not in secret


async def test_it_is_told_again_until_it_says_yes(store: SqlJobStore, receiver: Receiver) -> None:
    job = await ended(store, receiver)
    receiver.statuses = [b"500 No", b"302 Found", b"204 Yes"]
    callbacks = Callbacks(store, SECRET, LOOPBACK)
    for _ in range(3):
        await callbacks.deliver_due()
        await _due_now(store, job)
    assert len({head["webhook-id"] for head in receiver.heads}) == 1, "one event, told three times"
    assert len(receiver.heads) == 3, "a redirect was not followed"
    assert (callbacks.delivered, callbacks.failed_tries) == (1, 2)
    found = await store.get(job.id)
    assert found is not None
    assert found.callback_state == "delivered"


async def test_a_receiver_that_never_takes_it_is_given_up(store: SqlJobStore, receiver: Receiver) -> None:
    job = await ended(store, receiver, callback_attempts=TRIES - 1)
    receiver.statuses = [b"503 No"]
    await Callbacks(store, SECRET, LOOPBACK).deliver_due()
    found = await store.get(job.id)
    assert found is not None
    assert (found.callback_state, found.callback_attempts) == ("failed", TRIES)


async def test_a_receiver_may_say_that_it_wants_no_more(store: SqlJobStore, receiver: Receiver) -> None:
    job = await ended(store, receiver)
    receiver.statuses = [b"410 Gone"]
    await Callbacks(store, SECRET, LOOPBACK).deliver_due()
    found = await store.get(job.id)
    assert found is not None
    assert found.callback_state == "failed"


async def test_a_dead_receiver_is_tried_later(store: SqlJobStore, receiver: Receiver) -> None:
    job = await ended(store, receiver)
    receiver.statuses = []
    callbacks = Callbacks(store, SECRET, CallbackRules(allowed=LOOPBACK.allowed))
    await callbacks.deliver_due()  # the receiver breaks the connection off
    found = await store.get(job.id)
    assert found is not None
    assert (found.callback_state, found.callback_attempts) == ("pending", 1)
    assert found.callback_at > 0


async def test_another_event_after_a_replay(store: SqlJobStore, receiver: Receiver) -> None:
    job = await ended(store, receiver)
    again = replace(job, finished_at=(job.finished_at or 0) + 5)
    assert callback_message.event_id(job) != callback_message.event_id(again)
    assert callback_message.event_id(job) == callback_message.event_id(job)


async def _due_now(store: SqlJobStore, job: Job) -> None:
    """What waits for its next try is due."""
    found = await store.get(job.id)
    if found is not None and found.callback_state == "pending":
        await store.callback_done(job.id, "pending", 0.0)
