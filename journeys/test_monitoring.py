"""A real Prometheus finds everything by service discovery; pages, rules and dashboards pass its own checks and speak of series there are."""

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from journeys.ports import free_ports
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]
FOLDER = Path(__file__).resolve().parent.parent / "monitoring"
NAME = "watched/model/v1"
_SERIES = re.compile(r"\bmodelway_[a-z_]+\b")
_ENDINGS = re.compile(r"_(bucket|sum|count)$")
_LABELLED = re.compile(r"^# TYPE (\S+)", re.MULTILINE)
# Series that are there only once something has happened.
LATER = {
    "modelway_gateway_certificate_expiry_timestamp_seconds", "modelway_gateway_mirror_duration_seconds",
    "modelway_inference_log_dropped_total", "modelway_inference_log_uncollected_total",
    "modelway_output_lag_seconds", "modelway_output_dropped_records_total", "modelway_output_refused_records_total",
}  # fmt: skip

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str, given: str | None = None) -> None:
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_rules_do_what_they_say() -> None:
    promtool("check", "rules", str(FOLDER / "rules.yml"))
    promtool("test", "rules", str(FOLDER / "rules_test.yml"))


@needs_promtool
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_prometheus_finds_and_reads_everything(platform: RunningPlatform, echo: str, tmp_path: Path) -> None:
    platform.apply(deployment(NAME, echo, replicas=1))
    platform.wait_ready(NAME)
    platform.wait_routed("/watched/model/v1/echo")
    control = platform.context["control"]
    wait_for("the collector says how it is", lambda: "modelway_logs_behind_bytes" in _text(f"{control}/metrics"), 60)
    targets = _json(f"{control}/v1/prometheus/targets", platform.key)
    replica = next(each["labels"]["replica"] for each in targets if each["labels"].get("project") == "watched")
    pages = {
        each["labels"]["component"]: _page(each)
        for each in targets
        if each["labels"].get("project") in {None, "watched"}
    }
    assert set(pages) == {"control", "gateway", "model-server"}
    for page in pages.values():
        promtool("check", "metrics", given=page)
    known = {name for page in pages.values() for name in _LABELLED.findall(page)} | LATER
    for file in ("rules.yml", "grafana/modelway.json"):
        spoken_of = {_ENDINGS.sub("", name) for name in _SERIES.findall((FOLDER / file).read_text())}
        assert spoken_of - known == set(), file

    port = free_ports(1)[0]
    with _prometheus(platform, tmp_path, port) as ask:
        up = f'up{{component=~"control|gateway"}} or up{{replica="{replica}"}}'
        wait_for("all three are scraped", lambda: [each["value"][1] for each in ask(up)] == ["1"] * 3, 90)
        wait_for("a rule has been evaluated", lambda: ask('modelway:requests:rate5m{project="watched"}'), 90)
        with platform.control() as client:
            client.delete("deployments", NAME)
        wait_for("what has gone is no target", lambda: not ask(f'up{{replica="{replica}"}}'), 90)


class _prometheus:  # noqa: N801 - reads as what it does
    """Prometheus with our configuration, at another address and quicker, until the context ends; gives a function that asks it."""

    def __init__(self, platform: RunningPlatform, folder: Path, port: int) -> None:
        text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
        text = text.replace("http://127.0.0.1:7070", platform.context["control"]).replace("15s", "1s")
        (folder / "prometheus.yml").write_text(text, encoding="utf-8")
        (folder / "prometheus.key").write_text(platform.key, encoding="utf-8")
        shutil.copy(FOLDER / "rules.yml", folder)
        promtool("check", "config", str(folder / "prometheus.yml"))
        self._url = f"http://127.0.0.1:{port}"
        self._command = [
            "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        self._log = folder / "prometheus.log"

    def __enter__(self) -> Any:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        return self._ask

    def __exit__(self, *_: object) -> None:
        os.kill(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, query: str) -> list[dict[str, Any]]:
        try:
            return _json(f"{self._url}/api/v1/query?query={quote(query)}")["data"]["result"]
        except OSError:  # not yet
            assert self._process.poll() is None, self._log.read_text(errors="replace")[-2000:]
            return []


def _page(target: dict[str, Any]) -> str:
    labels = target["labels"]
    return _text(f"{labels['__scheme__']}://{target['targets'][0]}{labels['__metrics_path__']}")


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def _json(url: str, key: str = "") -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return json.loads(answer.read())
