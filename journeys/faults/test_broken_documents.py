"""R9: broken configurations by the hundred under load; each is refused with its place, and nothing else is different."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from journeys.faults.broken_documents import GOOD_ROUTE, broken_documents, good_deployment
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.projects import JSON_BODY
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway_platform.store.files.table_file import read_table

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]


def test_r9_broken_documents_change_nothing(platform: RunningPlatform, echo: str, figure: Figure) -> None:
    platform.apply(
        deployment("r9/echo/v1", echo), deployment("r9/echo/v2", echo), deployment("r9b/echo/v1", echo),
        route("r9/echo", {"v1": 3, "v2": 1}), route("r9b/echo", {"v1": 1}),
    )  # fmt: skip
    platform.wait_ready("r9/echo/v1", "r9/echo/v2", "r9b/echo/v1")
    platform.wait_routed("/r9/echo/v1/echo")
    platform.wait_routed("/r9b/echo/v1/echo")
    table_path = platform.home / "gateway" / "table.json"
    before = _models_of(table_path, "r9")
    good = good_deployment(echo)
    for each in (GOOD_ROUTE, good):
        status, answer = _apply(platform, json.dumps(each), dry_run=True)
        assert status == 200, answer
    documents = list(broken_documents(good))[:: pick(4, 1)]
    unplaced: list[tuple[str, Any]] = []
    accepted: list[str] = []
    visible: list[float] = []
    with Load(lambda _: platform.caller(), "/r9b/echo/echo", body=JSON_BODY, connections=4) as load:
        for number, (name, text) in enumerate(documents):
            status, answer = _apply(platform, text)
            if status < 400:
                accepted.append(name)
            elif status not in {413, 422} or (status == 422 and not _has_place(answer)):
                unplaced.append((name, (status, answer)))
            if number % 60 == 0:
                visible.append(_seconds_until_published(platform, number + 2))
    figure(
        "R9",
        documents=len(documents),
        accepted=len(accepted),
        requests=len(load.sent),
        failed=len(load.failed),
        other_project_visible_s=round(max(visible), 2),
    )
    assert accepted == [], f"accepted: {accepted}"
    assert unplaced == []
    assert _models_of(table_path, "r9") == before
    assert not load.failed, load.summary()
    assert max(visible) <= pick(30.0, 2.0)
    assert len(documents) >= pick(50, 200)


def _models_of(path: Any, project: str) -> tuple[Any, ...]:
    return tuple(each for each in read_table(path).models if each.project == project)


def _apply(platform: RunningPlatform, text: str, *, dry_run: bool = False) -> tuple[int, Any]:
    """The CLI's own call, without the CLI's start."""
    body = json.dumps({"files": [{"name": "broken.yaml", "text": text}]}).encode()
    headers = {"Authorization": f"Bearer {platform.key}", "Content-Type": "application/json"}
    url = f"{platform.context['control']}/v1/apply{'?dryRun=true' if dry_run else ''}"
    asked = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return int(answer.status), json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def _has_place(answer: Any) -> bool:
    details = answer["error"].get("details", [])
    return bool(details) and all(each.get("line") for each in details)


def _seconds_until_published(platform: RunningPlatform, weight: int) -> float:
    begun = time.monotonic()
    status, answer = _apply(platform, route("r9b/echo", {"v1": weight}))
    assert status == 200, answer
    path = platform.home / "gateway" / "table.json"
    wait_for("another project's change", lambda: _models_of(path, "r9b")[0].versions[0].weight == weight or None)
    return time.monotonic() - begun
