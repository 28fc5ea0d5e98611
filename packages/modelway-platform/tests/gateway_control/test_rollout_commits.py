"""Moves of rollouts as commits: the real engine, follower and writer before a real `git http-backend`, raced, away, killed, reverted."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from journeys.git_repository import Repository, over_http

from modelway.errors import UnavailableError
from modelway_platform.deploy.source.applying import CommitApplier
from modelway_platform.deploy.source.child import SourceChild
from modelway_platform.deploy.source.follower import SourceFollower
from modelway_platform.deploy.source.looking import Looker
from modelway_platform.deploy.source.writer import SourceWriter
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.sources.git_source import GitSource
from modelway_platform.domain.sources.git_write import GitWrite, WriteState
from modelway_platform.domain.verdicts.rollout import Check, RolloutStep
from modelway_platform.domain.verdicts.rollout_status import RolloutPhase
from modelway_platform.gateway.control.rollout_commits import RolloutCommits
from modelway_platform.store.declared.rollout_runs import RolloutRuns
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites
from modelway_platform.store.sources.rollout_writes import RolloutWrites

if TYPE_CHECKING:
    from .conftest import World  # noqa: TID252 - rooms have no names of their own

KEY = ModelKey("vision", "digits")
ROUTE = """\
# Who gets what. The weights are the rollout's business.
apiVersion: modelway/v1
kind: Route
metadata: {{project: vision, model: digits}}
spec:
  versions:
    - {{version: v1, weight: {}}}   # the old one
    - {{version: v2, weight: {}}}
"""
STEPS = (RolloutStep(weight=20, minimum_requests=20), RolloutStep(weight=50, minimum_requests=20))
WIDE = (Check(name="errors", kind="errors", tolerance=0.2),)
ALIKE, BAD = {"v1": 0.01, "v2": 0.01}, {"v1": 0.01, "v2": 0.5}


class Fleet:
    """A repository that a source follows, and what control runs around it."""

    def __init__(self, world: "World", repository: Repository) -> None:
        self.world = world
        self.repository = repository
        root = world.root
        self.sources = GitSources(world.database, clock=world.clock)
        self.writes = GitWrites(world.database, clock=world.clock)
        self.moves = RolloutWrites(self.writes)
        world.commits = RolloutCommits(world.documents, self.sources, self.moves)
        world.restarted()
        applier = CommitApplier(
            world.documents, PackageStore(root / "packages"), world.events, clock=world.clock, moves=self.moves
        )
        (root / "looks").mkdir()
        looker = Looker(root / "looks", os.environ, {})
        self.follower = SourceFollower(
            self.sources, world.documents, looker, applier, clock=world.clock, least_pause=0.0
        )
        child = SourceChild(root / "looks", os.environ, {}, 60)
        self.writer = SourceWriter(self.writes, self.sources, child, lambda _source: None, clock=world.clock)

    def follow(self, url: str, **more: Any) -> None:
        usual = GitSource(name="fleet", repository=url, writes="commit")
        self.sources.declare(replace(usual, **more))

    def look(self) -> None:
        self.world.now += 0.01
        self.follower.want("fleet")
        asyncio.run(self.follower.turn())

    def write(self, *, turns: int = 8) -> None:
        """Until nothing is owed any more, or so many turns."""
        for _ in range(turns):
            if not self.writes.open():
                break
            self.world.now += 0.01
            asyncio.run(self.writer.turn())

    def pulled(self) -> None:
        self.repository.git("fetch", "-q", str(self.repository.bare), "main")
        self.repository.git("reset", "-q", "--hard", "FETCH_HEAD")

    @property
    def log(self) -> list[str]:
        """Subjects, oldest first."""
        return self.repository.git("log", "--reverse", "--format=%s", "main", cwd=self.repository.bare).splitlines()

    @property
    def file(self) -> str:
        return self.repository.git("show", "main:route.yaml", cwd=self.repository.bare)

    @property
    def asked(self) -> Sequence[GitWrite]:
        return self.moves.of(KEY)


@pytest.fixture
def fleet(make: Callable[..., "World"]) -> Iterator[Fleet]:
    world = make(checks=WIDE, steps=STEPS, commits="moves")
    (world.root / "git").mkdir()
    repository = Repository(world.root / "git")
    repository.git("config", "http.receivepack", "true", cwd=repository.bare)
    repository.commit({"route.yaml": ROUTE.format(1, 0), "notes.txt": "x"}, "Begin")
    with over_http(repository) as url:
        made = Fleet(world, repository)
        made.follow(url)
        made.look()
        yield made


SUBJECTS = [
    "Begin",
    "Rollout vision/digits: begin, v2 0 % -> 20 %",
    "Rollout vision/digits: advance, v2 20 % -> 50 %",
    "Rollout vision/digits: promote, v2 50 % -> 100 %",
]


def test_every_move_becomes_a_commit_with_its_numbers_and_nobody_is_taken_over(fleet: Fleet) -> None:
    world = fleet.world
    for _ in range(60):
        world.serve(100, ALIKE)
        phase = world.turn().phase
        fleet.write()
        fleet.look()
        if phase is RolloutPhase.PROMOTED:
            break
    assert (world.status.phase, world.weights) == (RolloutPhase.PROMOTED, {"v1": 0, "v2": 100})
    assert fleet.log == SUBJECTS
    assert fleet.file == ROUTE.format(0, 100).rstrip(), "comments and form have stayed"
    message = fleet.repository.git("show", "-s", "--format=%an|%B", "main~1", cwd=fleet.repository.bare)
    numbers: Any = world.runs.moves(KEY)[1].numbers
    assert message.startswith("rollout vision/digits|Rollout vision/digits: advance")
    assert "every check is good: v2 gets 50 % of the requests" in message
    assert "Move 2 of run 1, step 2 of 2, by rollout vision/digits." in message
    for each in numbers["versions"]:
        assert f"- {each['version']}: {each['requests']} requests, {each['errors']} errors" in message
    assert "- good: errors of v2 is good: " in message
    assert all(each.taken_in for each in fleet.asked)
    revisions = world.documents.revisions("Route", str(KEY))
    assert [each.author for each in revisions[2:]] == ["rollout vision/digits"] * 3, "commits changed nothing again"


def test_while_git_is_away_moves_go_on_and_their_commits_are_owed(fleet: Fleet) -> None:
    world = fleet.world
    fleet.follow("http://127.0.0.1:9/fleet.git")
    while world.turn().phase is not RolloutPhase.PROMOTED:
        world.serve(100, ALIKE)
        fleet.write(turns=1)
        world.now += 30
    owed = fleet.asked
    assert [each.state for each in owed] == [WriteState.WAITING] * 3
    assert owed[0].problem, "it says why"
    assert [each.attempts > 0 for each in owed] == [True, False, False], "one after another"
    with over_http(fleet.repository) as url:
        fleet.follow(url)
        world.now += 120
        fleet.write()
        assert fleet.log == SUBJECTS, "each once, in order"
        assert not fleet.writes.open()
        fleet.look()
    assert (world.status.phase, world.weights) == (RolloutPhase.PROMOTED, {"v1": 0, "v2": 100})


def test_a_push_that_loses_a_race_is_made_again_on_top(fleet: Fleet) -> None:
    others = iter(range(2))

    def race(when: str) -> None:
        number = next(others, None) if when == "before" else None
        if number is not None:
            fleet.pulled()
            fleet.repository.commit({f"other{number}.txt": "z"}, f"Other {number}")

    fleet.world.begun()
    with over_http(fleet.repository, receiving=race) as url:
        fleet.follow(url)
        for _ in range(6):
            fleet.world.now += 5
            fleet.write(turns=1)
    assert fleet.log == ["Begin", "Other 0", "Other 1", SUBJECTS[1]]


def test_a_commit_that_is_seen_late_takes_nothing_over(fleet: Fleet) -> None:
    world = fleet.world.begun()
    fleet.write()
    while world.status.step < 1:
        world.serve(100, ALIKE)
        world.turn()
    fleet.look()  # the branch still says 20 %
    assert (world.turn().phase, world.weights) == (RolloutPhase.RUNNING, {"v1": 50, "v2": 50})
    fleet.write()
    fleet.look()
    assert (world.turn().phase, world.weights) == (RolloutPhase.RUNNING, {"v1": 50, "v2": 50})


def test_a_person_who_reverts_a_move_means_it(fleet: Fleet) -> None:
    world = fleet.world.begun()
    for _ in range(30):
        world.serve(100, ALIKE)
        world.turn()
        fleet.write()
        fleet.look()
        if world.status.step == 1:
            break
    fleet.pulled()
    fleet.repository.git("revert", "--no-edit", "HEAD")
    fleet.repository.git("push", "-q", str(fleet.repository.bare), "HEAD:main")
    fleet.look()
    assert (world.turn().phase, world.weights) == (RolloutPhase.TAKEN_OVER, {"v1": 80, "v2": 20})


def test_a_revert_before_the_next_move_is_not_overwritten(fleet: Fleet) -> None:
    world = fleet.world.begun()
    fleet.write()
    fleet.look()
    fleet.pulled()
    fleet.repository.git("revert", "--no-edit", "HEAD")
    fleet.repository.git("push", "-q", str(fleet.repository.bare), "HEAD:main")
    while world.status.step < 1:  # nobody has looked yet
        world.serve(100, ALIKE)
        world.turn()
    fleet.write()
    last = fleet.asked[-1]
    assert (last.state, "somebody changed it" in last.problem) == (WriteState.FAILED, True)
    fleet.look()
    assert (world.turn().phase, world.weights) == (RolloutPhase.TAKEN_OVER, {"v1": 1, "v2": 0})


def test_going_back_is_a_commit_and_a_second_run_goes_on_from_there(fleet: Fleet) -> None:
    world = fleet.world
    assert world.run(60, BAD, until="RolledBack").phase is RolloutPhase.ROLLED_BACK
    world.steer("retry")
    world.turn()
    fleet.write()
    fleet.look()
    assert fleet.log == [*SUBJECTS[:2], "Rollout vision/digits: rollback, v2 20 % -> 0 %", SUBJECTS[1]]
    assert (world.turn().phase, world.weights) == (RolloutPhase.RUNNING, {"v1": 80, "v2": 20})
    worse = fleet.repository.git("show", "-s", "--format=%B", "main~1", cwd=fleet.repository.bare)
    assert "- worse: errors of v2 is worse: " in worse


def test_only_ends_if_that_is_wanted_and_nothing_where_nobody_may_write(fleet: Fleet) -> None:
    world = fleet.world
    world.declare(checks=WIDE, commits="ends")
    world.run(60, ALIKE, until="Promoted")
    fleet.write()
    assert fleet.log == ["Begin", SUBJECTS[3]]
    fleet.look()
    assert world.weights == {"v1": 0, "v2": 100}
    fleet.follow(str(fleet.repository.bare), writes="none")
    world.steer("undo")
    world.turn()
    assert len(fleet.asked) == 1


def test_one_proposal_is_made_anew_by_each_move_and_may_be_merged_late(fleet: Fleet) -> None:
    world, branch = fleet.world, "modelway/rollout-vision-digits"
    fleet.follow(str(fleet.repository.bare), writes="branch")
    world.begun()
    fleet.write()
    fleet.repository.git("fetch", "-q", str(fleet.repository.bare), branch)
    fleet.repository.git("merge", "-q", "--no-edit", "FETCH_HEAD")
    fleet.repository.git("push", "-q", str(fleet.repository.bare), "HEAD:main")
    while world.status.step < 1:
        world.serve(100, ALIKE)
        world.turn()
    fleet.look()
    assert (world.turn().phase, world.weights) == (RolloutPhase.RUNNING, {"v1": 50, "v2": 50})
    fleet.write()
    assert [each.state for each in fleet.asked] == [WriteState.PUSHED] * 2
    assert "weight: 50" in fleet.repository.git("show", f"{branch}:route.yaml", cwd=fleet.repository.bare)


def test_a_kill_between_asking_and_recording_asks_once(fleet: Fleet) -> None:
    class Killed(RolloutRuns):
        def move(self, *_: Any, **__: Any) -> None:
            raise UnavailableError("gone")

    world, kept = fleet.world, fleet.world.runs
    world.runs = Killed(world.database, world.documents, clock=world.clock)
    world.restarted()
    world.turn()
    assert len(fleet.asked) == 1
    assert world.weights == {"v1": 80, "v2": 20}, "the move itself was made"
    fleet.look()
    assert world.weights == {"v1": 80, "v2": 20}, "a look in between does not take it back"
    world.runs = kept
    world.restarted()
    assert world.turn().phase is RolloutPhase.RUNNING
    fleet.write()
    assert fleet.log == SUBJECTS[:2]
