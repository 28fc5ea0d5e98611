"""That nobody is to be told of some anomalies for a while; they are seen and kept all the same."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelway_platform.domain.anomalies.judgement import Cause
from modelway_platform.domain.identity import ModelKey

LONGEST_SECONDS = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyMute:
    """Of a project, one of its models, one cause; an empty text stands for all. `until` and `created_at` are Unix times."""

    id: str
    project: str
    model: str = ""
    cause: str = ""
    until: float
    author: str
    note: str = ""
    created_at: float

    def covers(self, model: ModelKey, cause: Cause, now: float) -> bool:
        """Whether it is about this, now."""
        return (
            self.until > now
            and self.project == model.project
            and self.model in {"", model.model}
            and self.cause in {"", cause.value}
        )


def muted_until(mutes: Iterable[AnomalyMute], model: ModelKey, cause: Cause, now: float) -> float:
    """When somebody may be told again; 0 for now."""
    return max((each.until for each in mutes if each.covers(model, cause, now)), default=0.0)
