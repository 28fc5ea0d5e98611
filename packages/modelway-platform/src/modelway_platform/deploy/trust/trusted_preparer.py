"""A preparer behind a check of trust: what no project that wants a package may run is not even built."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.reconcile.early_phases import PhaseReport
from modelway_platform.deploy.reconcile.preparations import Preparer
from modelway_platform.deploy.trust.trust import Trust
from modelway_platform.domain.deployments.phases import PhaseName

REASON = "PackageNotTrusted"
_AGAIN_SECONDS = 30.0


class TrustedPreparer:
    """Asks before the phase `verify`.

    Args:
        inner: Does the phases.
        trust: Knows who is trusted.
        projects: Whose deployments want a package.
    """

    def __init__(self, inner: Preparer, trust: Trust, projects: Callable[[str], Iterable[str]]) -> None:
        self._inner = inner
        self._trust = trust
        self._projects = projects

    @property
    def skips(self) -> Mapping[PhaseName, str]:
        """As the inner one."""
        return self._inner.skips

    def is_startable(self, package: str, environment: str) -> bool:
        """As the inner one."""
        return self._inner.is_startable(package, environment)

    async def do(self, phase: PhaseName, package: str, made: str, report: PhaseReport) -> str:
        """One phase.

        Raises:
            PreparationError: It cannot be done, or the package is not trusted.
        """
        if phase is PhaseName.VERIFY:
            await asyncio.to_thread(self._check, package)
        return await self._inner.do(phase, package, made, report)

    def _check(self, package: str) -> None:
        if words := self._trust.refused_by_all(self._projects(package), package):
            raise PreparationError(REASON, words, within=_AGAIN_SECONDS)
