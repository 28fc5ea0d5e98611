"""Stages in the console: a deployment goes through them with gates, approvals, a phase that waits, and commits."""

import json
from pathlib import Path

import pytest
from journeys.browser import open_as
from journeys.console_fixtures import go
from journeys.git_repository import Repository
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(240)]
STAGES = """apiVersion: modelway/v1
kind: Stage
metadata: {{project: {project}, stage: development}}
spec: {{}}
---
apiVersion: modelway/v1
kind: Stage
metadata: {{project: {project}, stage: production}}
spec:
  after: development
  overrides: {{env: {{TIER: gold}}}}
  gates: {gates}
  approvePhases: [{phases}]
"""
V1 = "shop/ranker/v1"


def in_development(name: str, package: str) -> str:
    return deployment(name, package).replace("cluster: local", "cluster: local, stage: development")


@pytest.fixture(scope="module")
def shop(console: RunningPlatform, echo_package: Path) -> str:
    """Two stages, and one deployment in the first; the digest of its package."""
    digest = console.upload(echo_package)
    gates = "{goldenExamples: true, signature: true, approval: {notPromoter: true}}"
    console.apply(STAGES.format(project="shop", gates=gates, phases="place"))
    console.apply(in_development(V1, digest))
    console.wait_ready(V1)
    return digest


def confirm(page: Page, word: str, command: str) -> None:
    """The question that an order asks, with its command line."""
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".cli")).to_contain_text(command)
    dialog.get_by_role("button", name=word, exact=True).click()


def test_without_stages_it_says_how_to_begin(console: RunningPlatform, page: Page) -> None:
    with console.control() as control:
        if control.list_all("stages"):
            pytest.skip("another test has made stages")
    go(page, console, "stages")
    expect(page.get_by_text("No project has stages yet")).to_be_visible()
    expect(page.locator(".cli", has_text="modelway apply -f stages.yaml")).to_be_visible()


def test_a_version_is_promoted_approved_by_another_and_let_into_its_phase(
    console: RunningPlatform, page: Page, chromium: Browser, shop: str
) -> None:
    go(page, console, "stages/shop")
    chip = page.locator(f'.chip[data-deployment="{V1}"]')
    expect(page.locator('.cell[data-stage="development"]').locator(chip)).to_be_visible()
    chip.get_by_role("button", name="Promote to production…").click()
    page.get_by_label("Reason").fill("ready for callers")
    confirm(page, "Promote", f"modelway promote {V1} --to production --reason 'ready for callers' --wait")

    way = page.locator(".promotion")
    expect(way).to_contain_text("ready for callers")
    expect(way.locator(".gates li", has_text="Golden examples")).to_contain_text("passed")
    way.locator(".gates li", has_text="Golden examples").get_by_text("evidence").click()
    expect(way.locator(".gates li", has_text="Golden examples").locator("dd").first).to_contain_text("ranker-v1")
    expect(way).to_contain_text("you asked for it: somebody else has to approve")
    expect(way.get_by_role("button", name="Approve")).to_have_count(0)
    way.get_by_role("button", name="Pause").click()
    confirm(page, "Pause", "modelway promotion pause 1")
    expect(way.locator(".badge", has_text="Paused")).to_be_visible()
    way.get_by_role("button", name="Resume").click()
    confirm(page, "Resume", "modelway promotion resume 1")

    token = console.cli("token", "create", "bob", "--role", "deployer", "--project", "shop").stdout.strip()
    bob, complaints = open_as(chromium, console, token)
    go(bob, console, "stages/shop")
    bob.locator(".promotion").get_by_role("button", name="Approve").click()
    bob.get_by_label("Comment").fill("looks good")
    confirm(bob, "Approve", "modelway promotion approve 1 --comment 'looks good'")

    # The stage has the new revision wait before it is placed.
    moved = bob.locator('.cell[data-stage="production"]').locator(f'.chip[data-deployment="{V1}"]')
    expect(moved).to_contain_text("waits before place")
    moved.get_by_role("button", name="Approve").click()
    confirm(bob, "Approve", f"modelway rollout approve deployment {V1} --phase place")
    expect(moved.locator(".badge", has_text="Ready")).to_be_visible()
    expect(moved).not_to_contain_text("waits before")
    assert complaints == []
    bob.context.close()

    row = page.locator("tr.link", has_text=V1)
    expect(row).to_contain_text("Promoted")
    expect(row).to_contain_text("ready for callers")
    row.click()
    expect(page.locator("h1", has_text="Promotion 1")).to_be_visible()
    expect(page.locator(".gates li", has_text="Approval")).to_contain_text("approved by bob: looks good")
    console.wait_ready(V1)


def test_what_was_refused_is_tried_again_and_aborted(console: RunningPlatform, page: Page, shop: str) -> None:
    version = "shop/ranker/v2"
    console.apply(in_development(version, shop))
    console.wait_ready(version)
    console.cli("promote", version, "--reason", "once more")
    token = console.cli("token", "create", "eve", "--role", "deployer", "--project", "shop").stdout.strip()
    (listed,) = console.cli("promotion", "list", version, "--open").stdout.splitlines()[1:]
    number = listed.split()[0]
    console.cli("promotion", "reject", number, "--comment", "not yet", "--key", token)
    go(page, console, f"stages/promotions/{number}")
    expect(page.locator(".badge", has_text="Rejected").first).to_be_visible()
    expect(page.get_by_text("not yet").first).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    confirm(page, "Retry", f"modelway promotion retry {number}")
    page.get_by_role("button", name="Abort").click()
    confirm(page, "Abort", f"modelway promotion abort {number}")
    expect(page.locator(".badge", has_text="Aborted")).to_be_visible()


def test_a_reader_looks_and_is_told_what_it_takes(console: RunningPlatform, chromium: Browser, shop: str) -> None:
    token = console.cli("token", "create", "ann", "--role", "reader").stdout.strip()
    ann, complaints = open_as(chromium, console, token)
    go(ann, console, "stages/shop")
    expect(ann.locator(f'.chip[data-deployment="{V1}"]')).to_be_visible()
    expect(ann.get_by_role("note").first).to_contain_text("You look at this as ann, reader")
    expect(ann.locator("main").get_by_role("button", name="Promote")).to_have_count(0)
    expect(ann.locator("#who")).to_have_text("ann, reader")
    assert complaints == []
    ann.context.close()


def test_a_promotion_made_as_a_commit_shows_it(console: RunningPlatform, page: Page, shop: str, tmp_path: Path) -> None:
    repository, name = Repository(tmp_path), "fleet/router/v1"
    stages = STAGES.format(project="fleet", gates="{goldenExamples: true}", phases="").replace(
        "approvePhases: []\n", ""
    )
    repository.commit({"stages.yaml": stages, "model.yaml": in_development(name, shop)}, "A model and its stages")
    console.cli("source", "set", "fleet", str(repository.bare), "--poll", "5", "--writes", "commit")

    def in_force() -> bool:
        told = json.loads(console.cli("source", "show", "fleet", "-o", "json").stdout)
        return bool(told["applied"]) and name in {each["name"] for each in told["documents"]}

    wait_for("the commit is in force", in_force, 60)
    console.wait_ready(name)
    console.cli("promote", name, "--reason", "from the branch", "--wait")
    commit = repository.git("rev-parse", "main", cwd=repository.bare)
    go(page, console, "stages")
    page.get_by_role("link", name="fleet", exact=True).click()
    expect(page.locator(f'.chip[data-deployment="{name}"]')).to_contain_text(f"commit {commit[:10]}")
    page.locator("tr.link", has_text=name).click()
    expect(page.locator("dd", has_text=commit)).to_be_visible()
