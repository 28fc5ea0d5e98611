"""Which models an identity may call: patterns `project/model` in which either half may be `*`."""

from collections.abc import Iterable

from modelway_platform.domain.identity import is_name

MAX_SCOPES = 100
SCOPE_RULE = "project/model, where either may be *: vision/digits, vision/*, */*"


def is_scope(text: str) -> bool:
    """Whether `text` is such a pattern."""
    project, slash, model = text.partition("/")
    return bool(slash) and all(part == "*" or is_name(part) for part in (project, model))


class Scopes:
    """Patterns made ready for look-ups.

    Args:
        patterns: What is allowed; a model may be called if any of them fits. Without one, nothing may be.
    """

    __slots__ = ("_everything", "_exact", "_models", "_projects")

    def __init__(self, patterns: Iterable[str]) -> None:
        halves = {(project, model) for project, _, model in (each.partition("/") for each in patterns)}
        self._everything = ("*", "*") in halves
        self._projects = frozenset(project for project, model in halves if model == "*" and project != "*")
        self._models = frozenset(model for project, model in halves if project == "*" and model != "*")
        self._exact = frozenset(each for each in halves if "*" not in each)

    def allow(self, project: str, model: str) -> bool:
        """Whether this model may be called, be there one of this name or not."""
        return self._everything or project in self._projects or (project, model) in self._exact or model in self._models
