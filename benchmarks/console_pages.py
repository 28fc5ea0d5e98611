"""How soon each page of the console is painted: the browser's own Paint Timing, octets, requests, CPU time of the console, long tasks.

A platform with two models of two versions each, some thousand records and a signed-in, headless Chromium; each page is loaded with an
empty cache several times, in turns, so that what else the machine does hits all alike. The last line is one JSON object. Run with
`make bench-console`; two minutes, ARGUMENTS="--loads 3 --pages overview,logs" asks for less.
"""

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from journeys.browser import open_browser, open_console
from journeys.console_fixtures import DEPLOYMENT
from journeys.projects import package, write_echo
from journeys.running_platform import RunningPlatform
from playwright.sync_api import Page

from benchmarks.machine import cpu_seconds, describe_machine

LOADS = 5
CALLS = 400
SETTLING_MS = 1500
"""After the first paint: what a page asks for until then belongs to its load."""
PAGES = (
    "overview", "traffic", "traffic?since=1h", "requests", "requests/bench-7", "logs", "logs/questions", "models", "models/demo/echo",
    "deployments", "deployments/demo/echo/v1", "stages", "rollout", "rollout/demo/echo", "try/demo/echo", "anomalies", "jobs", "keys",
    "health",
)  # fmt: skip
WATCH = "window.tasks = []; window.largest = null; new PerformanceObserver(found => { window.largest = found.getEntries().at(-1).startTime; }).observe({type: 'largest-contentful-paint', buffered: true}); new PerformanceObserver(found => { for (const each of found.getEntries()) window.tasks.push(each.duration); }).observe({type: 'longtask', buffered: true});"
TOLD = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null;
  const asked = performance.getEntriesByType("resource").filter(each => each.startTime < (paint ?? 0) + 1500);
  const sum = list => list.reduce((total, each) => total + each.transferSize, 0);
  const page = performance.getEntriesByType("navigation")[0];
  return {
    paint, largest: window.largest, requests: asked.length + 1, octets: sum(asked) + page.transferSize,
    blocking: asked.filter(each => each.renderBlockingStatus === "blocking").length,
    before: asked.filter(each => each.responseEnd > 0 && each.responseEnd <= paint).length + 1,
    tasks: window.tasks,
  };
}"""


def fill(platform: RunningPlatform, folder: Path) -> None:
    """Two models with two versions each, a route, and records of some callers."""
    digest = platform.upload(package(write_echo(folder / "project"), folder / "dist"))
    versions = [("echo", "v1"), ("echo", "v2"), ("ranker", "v1"), ("ranker", "v2")]
    platform.apply(
        *(
            DEPLOYMENT.format(version=version, package=digest, label=version).replace("model: echo", f"model: {model}")
            for model, version in versions
        )
    )
    platform.wait_ready(*(f"demo/{model}/{version}" for model, version in versions))
    platform.apply(
        "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: demo, model: echo}\n"
        "spec: {versions: [{version: v1, weight: 3}, {version: v2, weight: 1}]}\n"
    )
    platform.wait_routed("/demo/ranker/v2/echo")
    connection = http.client.HTTPConnection(urlsplit(platform.gateway).netloc, timeout=20)
    for number in range(CALLS):
        headers = {"X-API-Key": platform.key, "X-Request-Id": f"bench-{number}", "Content-Type": "application/json"}
        connection.request("POST", f"/demo/{('echo', 'ranker')[number % 2]}/echo", b'{"text": "hello"}', headers)
        connection.getresponse().read()
    connection.close()


def load(page: Page, address: str, console: int) -> dict[str, Any]:
    """One load with an empty cache: what the browser says, and the CPU time of the console's process."""
    developer: Any = page.context.new_cdp_session(page)
    page.goto("about:blank")
    developer.send("Network.clearBrowserCache")
    before = cpu_seconds(console)
    page.goto(address)
    page.wait_for_selector(".view h1")
    page.wait_for_timeout(SETTLING_MS)
    told = page.evaluate(TOLD)
    developer.detach()
    return told | {"cpu": cpu_seconds(console) - before}


def figures(loads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of one page."""
    paints = [each["paint"] for each in loads if each["paint"] is not None]
    tasks = [duration for each in loads for duration in each["tasks"]]
    return {
        "fcp_p50_ms": round(statistics.median(paints), 1),
        "fcp_max_ms": round(max(paints), 1),
        "lcp_p50_ms": round(statistics.median(each["largest"] or each["paint"] for each in loads), 1),
        "requests": max(each["requests"] for each in loads),
        "before_paint": max(each["before"] for each in loads),
        "blocking": max(each["blocking"] for each in loads),
        "bytes": max(each["octets"] for each in loads),
        "console_cpu_ms": round(1000 * statistics.median(each["cpu"] for each in loads), 1),
        "long_task_max_ms": round(max(tasks, default=0.0), 1),
    }


def measure(platform: RunningPlatform, pages: Sequence[str], loads: int) -> dict[str, Any]:
    """Figures by page."""
    with open_browser() as browser:
        page, complaints = open_console(browser, platform)
        page.add_init_script(WATCH)
        console = platform.listener(int(platform.context["console"].rsplit(":", 1)[1]))
        assert console is not None, "the console listens"
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in pages}
        for _ in range(loads):
            for name in pages:
                found[name].append(load(page, f"{platform.context['console']}/#/{quote(name, safe='/?=&')}", console))
        for text in complaints:
            print(f"the browser complained: {text}", file=sys.stderr)
    return {name: figures(each) for name, each in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loads", type=int, default=LOADS, help="of each page")
    parser.add_argument("--pages", default=",".join(PAGES), help="which, with commas")
    given = parser.parse_args(arguments)
    print(describe_machine())
    with tempfile.TemporaryDirectory() as name:
        platform = RunningPlatform(Path(name), workers=1)
        platform.options = ("--console-port", "0")
        try:
            fill(platform.start(120), Path(name))
            time.sleep(10)  # so that the records are collected, and nothing is just being started
            pages = measure(platform, given.pages.split(","), given.loads)
        finally:
            platform.destroy()
    width = max(map(len, pages))
    for page, told in pages.items():
        print(f"{page:{width}}  " + "  ".join(f"{key} {value}" for key, value in told.items()))
    worst = max(pages.values(), key=lambda each: each["fcp_p50_ms"])
    print(
        json.dumps(
            {
                "fcp_p50_worst_ms": worst["fcp_p50_ms"],
                "fcp_max_ms": max(each["fcp_max_ms"] for each in pages.values()),
                "pages": pages,
            }
        )
    )


if __name__ == "__main__":
    main()
