"""A pipeline on a real platform: one step in its process, one a deployed model behind the same gateway."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from journeys.projects import deployment, package, route
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

PYPROJECT = """
[project]
name = "shout"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = []

[tool.modelway]
handler = "shout:Shout"
"""
HANDLER = """
from modelway import Handler, Pipeline, RemoteStep, Step, inference, together


class Upper(Handler):
    @inference(max_batch_size=8)
    def upper(self, texts: list[str]) -> list[str]:
        return [text.upper() for text in texts]


class Shout(Pipeline):
    upper = Step(Upper)
    echo = RemoteStep("pipelines/echo", endpoint="echo")

    @inference
    async def shout(self, words: list[str]) -> list[str]:
        shouted = await together(self.upper(word) for word in words)
        return [answer["text"] for answer in await together(self.echo(text=text) for text in shouted)]
"""
EXAMPLE = '[{"endpoint": "shout", "request": {"words": ["a"]}, "response": ["A"]}]'


def _ask(platform: RunningPlatform, request: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {platform.key}", "Content-Type": "application/json", "X-Request-Id": "shout-1"}
    asked = urllib.request.Request(
        f"{platform.gateway}/pipelines/shout/v1/shout", json.dumps(request).encode(), headers=headers
    )
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_steps_here_and_behind_the_gateway(
    platform: RunningPlatform, echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.apply(deployment("pipelines/echo/v1", echo), route("pipelines/echo", {"v1": 1}))
    platform.wait_ready("pipelines/echo/v1")
    platform.wait_routed("/pipelines/echo/v1/echo")
    monkeypatch.setenv("PIPELINE_GATEWAY_URL", platform.gateway)
    monkeypatch.setenv("PIPELINE_KEY", platform.key)
    project = tmp_path / "shout"
    project.mkdir()
    for name, text in (("pyproject.toml", PYPROJECT), ("shout.py", HANDLER), ("examples.json", EXAMPLE)):
        (project / name).write_text(text, encoding="utf-8")
    digest = platform.upload(package(project, tmp_path / "dist"))
    document = deployment(
        "pipelines/shout/v1", digest, PIPELINE_GATEWAY_URL=platform.gateway, PIPELINE_KEY=platform.key
    )
    platform.apply(document)
    platform.wait_ready("pipelines/shout/v1")
    expected = (200, ["ONE", "TWO", "THREE"])
    wait_for("the pipeline answers", lambda: _ask(platform, {"words": ["one", "two", "three"]}) == expected)
    drawn = platform.cli("describe", "deployment", "pipelines/shout/v1").stdout
    assert "├─ each word in words, together" in drawn
    assert "pipelines/echo/echo (deployed)" in drawn

    platform.cli("delete", "route", "pipelines/echo")
    platform.cli("delete", "deployment", "pipelines/echo/v1", "--wait")

    def named() -> bool:
        status, said = _ask(platform, {"words": ["one"]})
        return status in {500, 502, 503} and said["error"]["message"].startswith("step 'echo': ")

    wait_for("the step that is gone is named", named)
