"""A replica gets its secrets, and nobody is shown them: not in documents, conditions, events or logs."""

import asyncio
import json

import pytest
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey]
NAME, PATH = "kept/echo/v1", "/kept/echo/v1/echo"
VALUE = "words-that-only-the-replica-knows"


def declared(digest: str) -> str:
    return deployment(NAME, digest).replace("spec: {", "spec: {secrets: {LABEL: words/first}, ")


def conditions(platform: RunningPlatform) -> str:
    found = platform.deployment(NAME)
    return " ".join(each["message"] for each in found["status"]["conditions"]) if found else ""


def test_a_secret_reaches_the_replica_and_nobody_else(platform: RunningPlatform, echo: str) -> None:
    platform.apply(declared(echo))
    wait_for("what is missing", lambda: "secret words/first of project kept is not there" in conditions(platform))
    folder = platform.home / "secrets" / "kept" / "words"
    folder.mkdir(parents=True)
    (folder / "first").write_text(VALUE + "\n")
    platform.wait_ready(NAME)
    platform.wait_routed(PATH)

    async def ask() -> bytes:
        async with platform.caller() as caller:
            return (await caller.post(PATH, b'{"text": "hello"}')).body

    assert json.loads(asyncio.run(ask()))["label"] == VALUE
    shown = platform.cli("describe", "deployment", NAME).stdout
    shown += platform.cli("get", "deployment", NAME, "-o", "json").stdout
    shown += platform.cli("logs", NAME, "--source", "server", "--tail", "500").stdout
    assert "words/first" in shown
    assert VALUE not in shown
    for file in (
        platform.home / "modelway.db",
        *platform.home.glob("modelway.db-*"),
        *platform.home.glob("logs/*.log"),
    ):
        assert VALUE.encode() not in file.read_bytes(), file
    platform.cli("delete", "deployment", NAME, "--wait")
