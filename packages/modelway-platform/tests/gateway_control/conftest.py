"""A platform around the rollout engine: a real store, real segments, a clock that is moved by hand."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.verdicts.record_query import RecordQuery
from modelway_platform.domain.verdicts.rollout import Rollout, RolloutStep
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord, RolloutStatus
from modelway_platform.domain.verdicts.steer_rollout import Order, steered
from modelway_platform.gateway.control.rollout_commits import RolloutCommits
from modelway_platform.gateway.control.rollout_engine import RolloutEngine
from modelway_platform.insight.rollout_evidence import RolloutEvidenceSource
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.rollout_runs import RolloutRuns

KEY = ModelKey("vision", "digits")
START = 1_700_000_000.0
STEPS = (RolloutStep(weight=20, minimum_requests=20), RolloutStep(weight=50, minimum_requests=20))


class Desk:
    """Answers every question with what it was told to."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.asked: list[RecordQuery] = []

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes:
        self.asked.append(query)
        columns = [{"name": name, "type": "BIGINT"} for name in ("version", "requests", "bad")]
        return msgspec.json.encode({"columns": columns, "rows": self.rows, "truncated": False})


class AtOnce(Executor):
    """Runs what it is given at once, so that a test need not wait for a thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class World:
    """Everything around an engine; `restarted` is another engine over the same state, as after a kill."""

    def __init__(self, root: Path, **rollout: Any) -> None:
        self.root = root
        self.now = START
        self.random = random.Random(5)
        self.database = Database.open(root / "modelway.db")
        self.documents = Documents(self.database, clock=self.clock)
        self.runs = RolloutRuns(self.database, self.documents, clock=self.clock)
        self.events = Events(self.database, clock=self.clock)
        self.desk = Desk()
        self.ready = ["v1", "v2"]
        self.commits: RolloutCommits | None = None
        self.segments = root / "access"
        self.segments.mkdir()
        for version in ("v1", "v2"):
            key = VersionKey("vision", "digits", version)
            self.documents.apply_deployment(Deployment(key=key, package="sha256:" + "a" * 64))
        self.documents.apply_route(Route(key=KEY, versions=(VersionWeight(version="v1", weight=1),)))
        self.declare(**rollout)
        self.engine = self.restarted()

    def clock(self) -> float:
        return self.now

    def declare(self, **fields: Any) -> None:
        wanted: dict[str, Any] = {"baseline": "v1", "candidate": "v2", "steps": STEPS} | fields
        self.documents.apply([Rollout(key=KEY, **wanted)], author="anna")

    def restarted(self) -> RolloutEngine:
        self.engine = RolloutEngine(
            documents=self.documents,
            runs=self.runs,
            events=self.events,
            source=RolloutEvidenceSource(self.segments, self.desk),
            endpoints=lambda: [
                Endpoint(id=each, key=VersionKey("vision", "digits", each), host="127.0.0.1", port=9000)
                for each in self.ready
            ],
            clock=self.clock,
            askers=AtOnce(),
            commits=self.commits,
        )
        return self.engine

    def turn(self, seconds: float = 1.0) -> RolloutStatus:
        self.now += seconds
        self.engine.turn()
        return self.status

    def serve(self, requests: int, errors: Mapping[str, float], *, mirrored: Mapping[str, Any] | None = None) -> None:
        """Requests shared out as the route says, over the second to come, with these shares of errors."""
        weights = self.weights
        lines: list[str] = []
        for number in range(requests):
            version = self.random.choices(list(weights), list(weights.values()))[0]
            status = 500 if self.random.random() < errors.get(version, 0.0) else 200
            lines.append(self.line(self.now + (number + 1) / (requests + 1), version, status))
            if mirrored is not None:
                lines.append(
                    self.line(
                        self.now + (number + 1) / (requests + 1), "v2", 200, mirrored=True, primary="v1", **mirrored
                    )
                )
        path = self.segments / f"worker-0-{int(START * 1e9)}.ndjson"
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def line(self, time: float, version: str, status: int, **more: Any) -> str:
        record = {
            "time": time,
            "project": "vision",
            "model": "digits",
            "version": version,
            "status": status,
            "duration_us": self.random.lognormvariate(9, 0.5),
            "path": "/vision/digits/predict",
            "reason": "weight",
            **more,
        }
        return json.dumps(record, separators=(",", ":")) + "\n"

    def run(self, seconds: int, errors: Mapping[str, float], *, rate: int = 100, until: str = "") -> RolloutStatus:
        """Serve and look each second, until a phase is reached."""
        for _ in range(seconds):
            self.serve(rate, errors)
            if self.turn().phase == until:
                break
        return self.status

    def steer(self, order: Order) -> None:
        record = self.record
        self.documents.save_rollout(KEY, steered(record, order, "bob", self.now))

    @property
    def record(self) -> RolloutRecord:
        record = self.documents.get_rollout(KEY)
        assert record is not None
        return record

    @property
    def status(self) -> RolloutStatus:
        return self.record.status

    @property
    def weights(self) -> dict[str, int]:
        route = self.documents.get_route(KEY)
        assert route is not None
        return {each.version: each.weight for each in route.route.versions}

    @property
    def kinds(self) -> list[str]:
        return [move.kind for move in self.runs.moves(KEY)]

    def begun(self) -> "World":
        self.turn()
        return self


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes the test's world; fields of the rollout as arguments."""
    made: list[World] = []

    def make(**rollout: Any) -> World:
        made.append(World(tmp_path, **rollout))
        return made[-1]

    yield make
    for each in made:
        each.database.close()
