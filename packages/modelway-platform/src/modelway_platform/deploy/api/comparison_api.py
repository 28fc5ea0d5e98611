"""`/v1/routes/{project}/{model}/comparison`: what the requests answered so far say of two versions."""

import asyncio
import re
import time
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.comparison_json import comparison_json
from modelway_platform.deploy.api.exchange import flag, json_answer
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.domain.comparison import Comparison, ComparisonQuery
from modelway_platform.domain.identity import ModelKey, VersionKey, is_name, is_version
from modelway_platform.domain.records import DeploymentRecord

_KNOWN = frozenset({"baseline", "candidate", "since", "pinned", "experiment"})
_AGO = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class ComparisonApi:
    """The handler around the comparer; one comparison at a time, for each reads much of the log."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._turn = asyncio.Semaphore(1)

    def paths(self) -> list[Path]:
        """Where the handler is found."""
        return [Path("/v1/routes/{project}/{model}/comparison", self.compare, methods=["GET"])]

    async def compare(self, request: Request) -> Response:
        """The verdict with its numbers."""
        given = dict(request.query_params)
        if unknown := sorted(given.keys() - _KNOWN):
            raise InvalidRequestError(
                f"unknown query parameter {unknown[0][:50]!r}", hint=f"known: {', '.join(sorted(_KNOWN))}"
            )
        model = model_of(request)
        baseline, candidate = _version(given, "baseline"), _version(given, "candidate")
        if baseline == candidate:
            raise InvalidRequestError(f"{baseline} cannot be compared with itself", hint="name two versions")
        now = time.time()
        since = moment_of(given["since"], now) if "since" in given else None
        pinned = flag(request, "pinned")
        experiment = given.get("experiment", "")
        if experiment and not is_name(experiment):
            raise InvalidRequestError("query parameter experiment: expected an experiment's name")

        def compare() -> Comparison:
            declared = [self._parts.documents.get_deployment(_key(model, each)) for each in (baseline, candidate)]
            begins = _last_change(declared) if since is None else since
            query = ComparisonQuery(
                model=model,
                baseline=baseline,
                candidate=candidate,
                since=begins,
                until=now,
                pinned=pinned,
                experiment=experiment,
            )
            comparison = self._parts.comparer.compare(query, abandoned=self._parts.closing.is_set)
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
            return json_answer(comparison_json(await asyncio.to_thread(compare)))


def model_of(request: Request) -> ModelKey:
    """The model that the path names."""
    project, model = request.path_params["project"], request.path_params["model"]
    if not is_name(project) or not is_name(model):
        raise NotFoundError(f"no model {project[:63]}/{model[:63]}", hint="modelway get deployments")
    return ModelKey(project, model)


def _key(model: ModelKey, version: str) -> VersionKey:
    return VersionKey(model.project, model.model, version)


def _version(given: dict[str, str], name: str) -> str:
    version = given.get(name, "")
    if not is_version(version):
        raise InvalidRequestError(
            f"query parameter {name}: expected a version", hint="…/comparison?baseline=v1&candidate=v2"
        )
    return version


def _last_change(declared: list[DeploymentRecord | None]) -> float:
    """What was answered before either of them became what it is says nothing about it."""
    return max((record.updated_at for record in declared if record is not None), default=0.0)


def moment_of(text: str, now: float) -> float:
    """Unix time of `90m` (ago) or of an RFC 3339 text."""
    if ago := _AGO.fullmatch(text):
        return max(0.0, now - int(ago[1]) * _SECONDS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidRequestError(
            "query parameter since: expected a time with its zone, or a number with s, m, h or d",
            hint="since=2026-11-22T04:00:00Z or since=90m",
        )
    return max(0.0, moment.timestamp())
