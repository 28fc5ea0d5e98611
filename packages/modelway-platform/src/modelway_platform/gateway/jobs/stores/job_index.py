"""All jobs in memory, without their contents, for stores that can be written by key and watched but not asked."""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelway_platform.gateway.jobs.job import Content, Job, JobState, Query, QueueDepth


@dataclass(frozen=True, slots=True)
class Indexed:
    """A job as of `revision`, kept in the store under `key`."""

    key: str
    revision: int
    job: Job


class JobIndex:
    """What is known of all jobs; a newer revision replaces an older one, never the other way round."""

    def __init__(self) -> None:
        self._by_id: dict[str, Indexed] = {}
        self._ids_by_key: dict[str, str] = {}
        self._by_state: defaultdict[tuple[JobState, str], dict[str, None]] = defaultdict(dict)
        self._telling: dict[str, None] = {}

    def put(self, key: str, revision: int, job: Job) -> None:
        """Take note of a job."""
        known = self._by_id.get(job.id)
        if known is not None:
            if known.revision >= revision:
                return
            self._leave(known.job)
        plain = replace(job, body=_without_data(job.body))
        if job.answer is not None:
            plain = replace(plain, answer=replace(job.answer, content=_without_data(job.answer.content)))
        self._by_id[job.id] = Indexed(key, revision, plain)
        self._ids_by_key[key] = job.id
        self._by_state[job.state, job.model][job.id] = None
        if job.callback_state == "pending":
            self._telling[job.id] = None

    def remove(self, key: str) -> None:
        """It is gone."""
        job_id = self._ids_by_key.pop(key, None)
        known = self._by_id.pop(job_id, None) if job_id is not None else None
        if known is not None:
            self._leave(known.job)

    def find(self, job_id: str) -> Indexed | None:
        return self._by_id.get(job_id)

    def all(self) -> Iterator[Job]:
        """Every job, in no order."""
        return (each.job for each in list(self._by_id.values()))

    def in_state(self, *states: JobState) -> list[Job]:
        """Jobs of all models in some states."""
        found = ((state, ids) for (state, _), ids in self._by_state.items() if state in states)
        return [self._by_id[job_id].job for _, ids in found for job_id in ids]

    def count(self, state: JobState, model: str) -> int:
        return len(self._by_state.get((state, model), ()))

    def due(self, model: str, most: int, now: float) -> list[Job]:
        """The first in a model's line."""
        waiting = (self._by_id[job_id].job for job_id in self._by_state.get(("queued", model), ()))
        return heapq.nsmallest(
            most,
            (job for job in waiting if job.not_before <= now < job.expires_at),
            key=lambda job: (job.rank, job.id),
        )

    def position(self, job: Job) -> int:
        waiting = (self._by_id[job_id].job for job_id in self._by_state.get(("queued", job.model), ()))
        return sum((each.rank, each.id) < (job.rank, job.id) for each in waiting)

    def waiting_models(self) -> list[str]:
        return sorted({model for (state, model), ids in self._by_state.items() if state == "queued" and ids})

    def telling(self, now: float, limit: int) -> list[Job]:
        """Jobs whose end is to be told now."""
        pending = (self._by_id[job_id].job for job_id in self._telling)
        return heapq.nsmallest(
            limit, (job for job in pending if job.callback_at <= now), key=lambda job: job.callback_at
        )

    def matching(self, query: Query) -> list[Job]:
        """As `JobStore.find`."""
        fitting = (
            job
            for job in self.all()
            if (query.consumer is None or job.consumer == query.consumer)
            and (not query.model or job.model == query.model)
            and (not query.states or job.state in query.states)
            and (not query.before or job.id < query.before)
        )
        return heapq.nlargest(query.limit, fitting, key=lambda job: job.id)

    def depths(self) -> list[QueueDepth]:
        models = {
            model for (state, model), ids in self._by_state.items() if ids and state in {"queued", "running", "dead"}
        }
        return [
            QueueDepth(
                model=model,
                queued=self.count("queued", model),
                running=self.count("running", model),
                dead=self.count("dead", model),
                oldest_at=min(
                    (self._by_id[job_id].job.created_at for job_id in self._by_state.get(("queued", model), ())),
                    default=None,
                ),
            )
            for model in sorted(models)
        ]

    def _leave(self, job: Job) -> None:
        self._by_state[job.state, job.model].pop(job.id, None)
        self._telling.pop(job.id, None)


def _without_data(content: Content) -> Content:
    return replace(content, data=b"")
