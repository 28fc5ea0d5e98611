"""Requests and logs in the console: one is found and sent again, a hundred thousand are scrolled, all are asked in SQL."""

import json
import statistics

import pytest
from journeys.browser import Complaints
from journeys.console_fixtures import call, forgive, go
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(180)]
LINES = 100_000


def test_one_request_is_found_its_way_shown_and_sent_again_to_another_version(
    console: RunningPlatform, page: Page, two_versions: str
) -> None:
    assert call(console, "v1", '{"text": "once more"}', **{"X-Request-Id": "looked-for-1"}) == 200
    go(page, console, "requests")
    page.get_by_label("request id").fill("looked-for-1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("in the model server")).to_be_visible()
    for stage in ("queue", "preprocess", "inference", "postprocess", "encode"):
        expect(page.locator(".waterfall").get_by_text(stage, exact=True)).to_be_visible()
    expect(page.get_by_text("names version v1")).to_be_visible()
    expect(page.get_by_label("body")).to_have_value('{"text":"once more"}')
    page.locator("main").get_by_label("version").select_option("v2")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".diff code", has_text="label")).to_be_visible()
    expect(page.locator(".answers pre").last).to_contain_text('"label": "b"')
    page.get_by_role("link", name="its way").click()
    expect(page.locator("dd a", has_text="demo/echo/v2")).to_be_visible()


def test_a_hundred_thousand_lines_are_gone_through(console: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, console, "logs")
    expect(page.locator(".virtual .line").first).to_be_visible()
    record = {
        "project": "demo",
        "model": "echo",
        "version": "v1",
        "method": "POST",
        "path": "/demo/echo/echo",
        "code": "",
    }
    lines = (
        json.dumps(
            record
            | {"time": 1e9 + n / 100, "request_id": f"many-{n}", "status": 503 if n == 777 else 200, "duration_us": n}
        )
        for n in range(LINES)
    )
    # As a gateway worker appends them, which a hundred thousand requests would do in a minute or two.
    segment = console.home / "logs/access/worker-9-1.ndjson"
    segment.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        expect(page.get_by_role("status").filter(has_text="100,000 lines")).to_be_visible(timeout=90_000)
        assert page.locator(".virtual .line").count() < 120, "only those in sight are elements"
        wheel, bar, tasks = page.evaluate(SCROLL)
        print(f"long tasks (over 50 ms) while scrolling: {len(tasks)}, the longest {max(tasks, default=0):.0f} ms")
        for how, frames in (("wheel", wheel), ("bar", bar)):
            print(
                f"{LINES} lines by the {how}: median frame {statistics.median(frames):.1f} ms, worst {max(frames):.0f} ms"
            )
        assert statistics.median(wheel) < 500
        assert "many-" in page.locator(".virtual").inner_text()
        page.get_by_label("text in the line").fill("many-777 ")
        expect(page.get_by_role("status").filter(has_text="1 of 100,000 lines")).to_be_visible()
        expect(page.locator(".virtual .line .bad")).to_have_text("503")
    finally:
        segment.unlink()


# By the wheel, 120 pixels a frame, then by dragging the bar from end to end; lengths of frames and of long tasks in milliseconds.
SCROLL = """async () => {
  const tasks = [];
  const watch = new PerformanceObserver(found => { for (const each of found.getEntries()) tasks.push(each.duration); });
  watch.observe({ type: "longtask" });
  const list = document.querySelector(".virtual");
  const roll = async (count, place) => {
    const frames = [];
    let before = await new Promise(requestAnimationFrame);
    for (let step = 0; step < count; step += 1) {
      list.scrollTop = place(step);
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - before);
      before = now;
    }
    return frames;
  };
  const start = list.scrollHeight / 2;
  const frames = [await roll(90, step => start + 120 * step), await roll(30, step => (list.scrollHeight * step) / 30)];
  await new Promise(resolve => setTimeout(resolve, 100));
  watch.disconnect();
  return [...frames, tasks];
}"""


def test_collected_records_are_asked_ready_questions_and_in_sql(
    console: RunningPlatform, page: Page, signed_in: tuple[Page, Complaints], two_versions: str
) -> None:
    def collected() -> bool:
        return "echo" in console.cli("logs", "ask", "traffic").stdout

    wait_for("the first records are collected", collected, 60)
    go(page, console, "logs")
    page.get_by_role("link", name="Questions").click()
    page.get_by_label("project/model/version").fill(two_versions)
    page.get_by_role("button", name="p99").click()
    expect(page.locator("td", has_text="v1").first).to_be_visible()
    expect(page.locator(".cli", has_text="modelway logs ask p99 demo/echo --since 1h")).to_be_visible()
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".cli", has_text="modelway logs query")).to_be_visible()
    expect(page.locator("td", has_text="v1").first).to_be_visible()
    page.get_by_label("SQL").fill("DROP TABLE access")
    page.get_by_label("SQL").press("Control+Enter")
    expect(page.locator(".problem", has_text="invalid_query")).to_be_visible()
    forgive(signed_in, 400)
