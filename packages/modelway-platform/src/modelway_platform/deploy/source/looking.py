"""Looks at a branch in a child process of its own."""

from collections.abc import Mapping
from pathlib import Path

from modelway_platform.deploy.source.child import LOOK_SECONDS, SourceChild
from modelway_platform.deploy.source.fetch_commit import Answer, Question


class Looker:
    """Answers questions about branches; see `SourceChild` for how.

    Args:
        folder: Where fetched objects lie meanwhile; made when needed.
        variables: The environment, of which the child gets only what a connection needs.
        mark: Added to the child's environment, so that a later control process finds what this one left.
        seconds: How long one question may take.
    """

    def __init__(
        self, folder: Path, variables: Mapping[str, str], mark: Mapping[str, str], seconds: float = LOOK_SECONDS
    ) -> None:
        self._child = SourceChild(folder, variables, mark, seconds)

    async def look(self, question: Question) -> Answer:
        """The answer; never raises for what is wrong with the repository."""
        told = await self._child.ask("modelway_platform.deploy.source.fetch_commit", question, Answer)
        return Answer(unreachable=told) if isinstance(told, str) else told
