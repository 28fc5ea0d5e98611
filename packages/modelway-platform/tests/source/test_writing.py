"""Commits by the platform: to real repositories by path and through git's own HTTP server, raced, declined, and killed anywhere."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from journeys.git_repository import PASSWORD, USER, Repository, over_http

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.deploy.source.child import SourceChild
from modelway_platform.deploy.source.writer import SourceWriter
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.sources.git_source import GitSource
from modelway_platform.domain.sources.git_write import GitWrite, WriteState, branch_for
from modelway_platform.store.database import Database
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites

FILE = f"""\
# What runs. Do not touch without asking.
apiVersion: modelway/v1
kind: Deployment
metadata: {{project: vision, model: digits, version: v1}}
spec:
  package: sha256:{"a" * 64}   # March
  stage: development
"""
ELSEWHERE = "deploy/other/notes.txt"
MARK = "MODELWAY_TEST_MARK"


@dataclass
class Bench:
    """A repository, a source that follows it, and whoever writes to it."""

    repository: Repository
    database: Database
    folder: Path
    source: GitSource
    mark: str
    pushed: list[str] = field(default_factory=list[str])

    def follow(self, url: str, **more: Any) -> None:
        usual = GitSource(name="fleet", repository=url, path="deploy", writes="commit")
        self.source = replace(usual, **more)
        GitSources(self.database).declare(self.source)

    @property
    def writes(self) -> GitWrites:
        return GitWrites(self.database)

    def ask(self, key: str = "promotion 1.1", *, name: str = "vision/digits/v1", **changes: Any) -> None:
        read = read_document("f.yaml", read_yaml(FILE)[0])
        assert isinstance(read, Written)
        before: Mapping[str, Any] = document_to_json(read.document)["spec"]
        self.writes.ask(
            GitWrite(
                key=key,
                source="fleet",
                kind="Deployment",
                name=name,
                before=before,
                after={**before, **(changes or {"stage": "production"})},
                author="ann <x>",
                message="Promote vision/digits/v1 to production\n\nit is time",
                branch=branch_for(self.source, key),
            )
        )

    def write(self, key: str = "promotion 1.1", *, turns: int = 1) -> GitWrite:
        """As control does, for so many turns or until it is over."""
        child = SourceChild(self.folder, os.environ, {MARK: self.mark}, 60)
        writer = SourceWriter(self.writes, GitSources(self.database), child, self.pushed.append)

        async def run() -> None:
            for _ in range(turns):
                pause = await writer.turn()
                if not self.writes.open():
                    return
                await asyncio.sleep(min(pause, 2.0))

        asyncio.run(run())
        found = self.writes.find(key)
        assert found is not None
        assert not list(self.folder.iterdir()), "nothing is left behind"
        return found

    def log(self, branch: str = "main") -> list[str]:
        return self.repository.git("log", "--format=%s", branch, cwd=self.repository.bare).splitlines()

    def show(self, what: str) -> str:
        return self.repository.git("show", what, cwd=self.repository.bare)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    repository = Repository(tmp_path)
    repository.git("config", "http.receivepack", "true", cwd=repository.bare)
    repository.commit({"deploy/a/vision.yaml": FILE, ELSEWHERE: "x", "README.md": "y"}, "Begin")
    with Database.open(tmp_path / "modelway.db") as database:
        (tmp_path / "looks").mkdir()
        made = Bench(repository, database, tmp_path / "looks", GitSource(name="fleet", repository="/x"), str(tmp_path))
        made.follow(str(repository.bare))
        yield made


@pytest.fixture(params=["path", "http"])
def anywhere(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Bench]:
    if request.param == "path":
        yield bench
        return
    with over_http(bench.repository) as url:
        bench.follow(url)
        yield bench


def test_one_commit_changes_one_line_and_says_why(anywhere: Bench) -> None:
    anywhere.ask()
    done = anywhere.write()
    assert (done.state, done.problem, done.attempts) == (WriteState.PUSHED, "", 1)
    assert anywhere.pushed == ["fleet"]
    told = anywhere.repository.git("show", "--format=%H|%an|%ae|%cn|%B|", "main", cwd=anywhere.repository.bare)
    commit, author, mail, committer, message, diff = told.split("|", 5)
    assert commit == done.commit
    assert (author, mail, committer) == ("ann x", "noreply@modelway.invalid", "Modelway")
    assert message.startswith("Promote vision/digits/v1 to production\n\nit is time\n\nModelway-Write: promotion 1.1")
    changed = [line for line in diff.splitlines() if line.startswith(("+", "-")) and line[1:2] not in "+-"]
    assert changed == ["-  stage: development", "+  stage: production"]
    assert anywhere.show(f"main:{ELSEWHERE}") == "x"
    assert anywhere.log() == ["Promote vision/digits/v1 to production", "Begin"]
    anywhere.repository.git("fsck", "--strict", cwd=anywhere.repository.bare)
    assert anywhere.writes.open() == []
    anywhere.ask()
    assert anywhere.write().attempts == 1, "asked for again it is the same"


def test_what_the_branch_says_already_is_not_written(anywhere: Bench) -> None:
    commit = anywhere.repository.commit({"deploy/a/vision.yaml": FILE.replace("development", "production")}, "By hand")
    anywhere.ask()
    done = anywhere.write()
    assert (done.state, done.commit) == (WriteState.PUSHED, commit)
    assert anywhere.log() == ["By hand", "Begin"]


def test_a_branch_of_its_own_is_to_be_merged(anywhere: Bench) -> None:
    anywhere.follow(anywhere.source.repository, writes="branch")
    anywhere.ask()
    done = anywhere.write()
    assert (done.state, done.branch) == (WriteState.PUSHED, "modelway/promotion-1.1")
    assert anywhere.log() == ["Begin"]
    assert anywhere.log("modelway/promotion-1.1") == ["Promote vision/digits/v1 to production", "Begin"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"deploy/a/vision.yaml": FILE.replace("development", "staging")}, 'spec.stage is "staging" in the branch'),
        (
            {"deploy/a/vision.yaml": FILE.replace("version: v1", "version: v2")},
            "does not declare Deployment vision/digits/v1",
        ),
        ({"deploy/a/vision.yaml": "a: &a [*a]\n" + FILE}, "does not declare"),
    ],
)
def test_a_branch_that_says_otherwise_is_left_alone(bench: Bench, change: dict[str, str], says: str) -> None:
    bench.repository.commit({**change}, "Otherwise")
    bench.ask()
    done = bench.write()
    assert done.state is WriteState.FAILED
    assert says in done.problem
    assert bench.log()[0] == "Otherwise"


def test_nothing_is_followed_out_of_the_repository(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(FILE)
    (bench.repository.tree / "deploy/a/vision.yaml").unlink()
    (bench.repository.tree / "deploy/a/vision.yaml").symlink_to(outside)
    bench.repository.git("add", "-A")
    bench.repository.push("A link")
    bench.ask()
    done = bench.write()
    assert (done.state, "symbolic link" in done.problem) == (WriteState.FAILED, True)
    assert outside.read_text() == FILE


def test_a_branch_that_is_checked_out_is_refused_as_git_would(bench: Bench) -> None:
    bench.follow(str(bench.repository.tree))
    bench.ask()
    done = bench.write()
    assert (done.state, "branch main is checked out there" in done.problem) == (WriteState.FAILED, True)
    bench.follow(str(bench.repository.tree), writes="branch")
    bench.ask("promotion 2.1")
    assert bench.write("promotion 2.1").state is WriteState.PUSHED


def test_somebody_who_pushes_meanwhile_loses_nothing(bench: Bench) -> None:
    """The push of another comes between our reading and our pushing, three times in a row."""
    others = iter(range(3))

    def race(when: str) -> None:
        number = next(others, None) if when == "before" else None
        if number is not None:
            bench.repository.git("fetch", "-q", str(bench.repository.bare), "main")
            bench.repository.git("reset", "-q", "--hard", "FETCH_HEAD")
            bench.repository.commit({f"deploy/new{number}.txt": "z"}, f"Other {number}")

    with over_http(bench.repository, receiving=race) as url:
        bench.follow(url)
        bench.ask()
        done = bench.write(turns=8)
    assert (done.state, done.attempts) == (WriteState.PUSHED, 4)
    assert bench.log() == ["Promote vision/digits/v1 to production", "Other 2", "Other 1", "Other 0", "Begin"]
    bench.repository.git("fsck", "--strict", cwd=bench.repository.bare)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_between_commit_and_push_or_right_after_it(bench: Bench, when: str) -> None:
    """Whoever pushes is killed while the other side has the push, or has taken it; the next one finds how far it came."""
    kills: list[int] = []

    def kill(now: str) -> None:
        if now == when and not kills:
            kills.extend(each.identity.pid for each in process_table.find_marked(bench.mark, MARK))
            for pid in kills:
                os.kill(pid, signal.SIGKILL)

    with over_http(bench.repository, receiving=kill) as url:
        bench.follow(url)
        bench.ask()
        done = bench.write(turns=6)
    assert kills
    assert (done.state, done.attempts) == (WriteState.PUSHED, 2)
    assert bench.log() == ["Promote vision/digits/v1 to production", "Begin"], "once, not twice"
    assert done.commit == bench.repository.git("rev-parse", "main", cwd=bench.repository.bare)


def test_a_control_process_that_was_killed_while_writing_goes_on(bench: Bench) -> None:
    bench.ask()
    bench.writes.change("promotion 1.1", lambda now: replace(now, state=WriteState.WRITING))
    assert not bench.writes.cancel("promotion 1.1"), "nobody knows how far it is"
    assert bench.write().state is WriteState.PUSHED


def test_what_is_cancelled_is_never_pushed(bench: Bench) -> None:
    bench.ask()
    assert bench.writes.cancel("promotion 1.1")
    assert bench.write().state is WriteState.CANCELLED
    assert bench.log() == ["Begin"]


def test_a_push_that_is_declined_is_said_in_the_other_sides_words(bench: Bench) -> None:
    hook = bench.repository.bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    with over_http(bench.repository) as url:
        bench.follow(url)
        bench.ask()
        declined = bench.write()
        assert (declined.state, "pre-receive hook declined" in declined.problem) == (WriteState.WAITING, True)
        hook.unlink()
        assert bench.write(turns=4).state is WriteState.PUSHED


def test_a_password_is_needed_and_told_to_nobody(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{USER}:{PASSWORD}\n")
    with over_http(bench.repository, password=True) as url:
        bench.follow(url)
        bench.ask()
        refused = bench.write()
        assert refused.state is WriteState.WAITING
        assert refused.problem
        assert PASSWORD not in refused.problem
        bench.follow(url, credentials=str(secret))
        assert bench.write(turns=4).state is WriteState.PUSHED
