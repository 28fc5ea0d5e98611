"""What the requests answered so far say of two versions."""

import asyncio
import time
from collections.abc import Mapping
from math import isfinite
from typing import Any

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.objects.comparison_json import comparison_json
from modelway_platform.deploy.api.parts import DeclaredParts, RecordParts, Watching
from modelway_platform.deploy.api.reading.read_moment import moment_of
from modelway_platform.deploy.api.schema import reports_pb2
from modelway_platform.domain.identity import ModelKey, VersionKey, is_name, is_version
from modelway_platform.domain.records import DeploymentRecord
from modelway_platform.domain.verdicts.comparison import Comparison, ComparisonQuery


class ComparisonService:
    """The method around the comparer; one comparison at a time, for each reads much of the log."""

    def __init__(self, declared: DeclaredParts, records: RecordParts, watching: Watching) -> None:
        self._declared = declared
        self._records = records
        self._watching = watching
        self._turn = asyncio.Semaphore(1)

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Reports": {"CompareVersions": self.compare}}

    async def compare(self, request: reports_pb2.CompareVersionsRequest, call: Call) -> dict[str, Any]:
        """The verdict with its numbers."""
        model = model_of(request.project, request.model)
        baseline, candidate = _version(request.baseline, "baseline"), _version(request.candidate, "candidate")
        if baseline == candidate:
            raise InvalidRequestError(f"{baseline} cannot be compared with itself", hint="name two versions")
        now = time.time()
        since = moment_of(request.since, now) if request.HasField("since") else None
        if request.experiment and not is_name(request.experiment):
            raise InvalidRequestError("query parameter experiment: expected an experiment's name")

        low, high = (request.reward_low, request.reward_high) if request.HasField("reward_high") else (0.0, 1.0)
        if not (isfinite(low) and isfinite(high) and low < high):
            raise InvalidRequestError(
                f"query parameters rewardLow and rewardHigh: {low:g} is not below {high:g}",
                hint="…&rewardLow=-1&rewardHigh=1: the limits within which rewards always lie",
            )

        def compare() -> Comparison:
            declared = [self._declared.documents.get_deployment(_key(model, each)) for each in (baseline, candidate)]
            begins = _last_change(declared) if since is None else since
            query = ComparisonQuery(
                model=model,
                baseline=baseline,
                candidate=candidate,
                since=begins,
                until=now,
                pinned=request.pinned,
                experiment=request.experiment,
                rewards=(low, high),
            )
            comparison = self._records.comparer.compare(
                query, abandoned=lambda: call.left.is_set() or self._watching.closing.is_set()
            )
            for version, record, seen in zip(
                (baseline, candidate), declared, (comparison.baseline, comparison.candidate), strict=True
            ):
                if record is None and not seen.requests and not seen.pinned:
                    raise NotFoundError(
                        f"{model} has no version {version}, and none has answered in that time",
                        hint="modelway get deployments",
                        code="version_not_found",
                    )
            return comparison

        async with self._turn:
            return comparison_json(await asyncio.to_thread(compare))


def model_of(project: str, model: str) -> ModelKey:
    """The model that is named.

    Raises:
        NotFoundError: Nothing can have such a name.
    """
    if not is_name(project) or not is_name(model):
        raise NotFoundError(f"no model {project[:63]}/{model[:63]}", hint="modelway get deployments")
    return ModelKey(project, model)


def _key(model: ModelKey, version: str) -> VersionKey:
    return VersionKey(model.project, model.model, version)


def _version(version: str, name: str) -> str:
    if not is_version(version):
        raise InvalidRequestError(
            f"query parameter {name}: expected a version", hint="…/comparison?baseline=v1&candidate=v2"
        )
    return version


def _last_change(declared: list[DeploymentRecord | None]) -> float:
    """What was answered before either of them became what it is says nothing about it."""
    return max((record.updated_at for record in declared if record is not None), default=0.0)
