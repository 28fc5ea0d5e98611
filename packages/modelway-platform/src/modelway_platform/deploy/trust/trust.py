"""Whether a project may run a package: asked often, so what was found stands until policy, signatures or the day change."""

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from modelway.errors import ModelwayError, PackageNotTrustedError
from modelway.packaging.signing import Bundle, check_signatures
from modelway_platform.deploy.trust.policy import FILE_NAME, Demand, Policy, demand_of, read_policies
from modelway_platform.store.files.signatures import PackageSignatures

log = logging.getLogger(__name__)

_REMEMBERED = 20_000
_STANDS_SECONDS = 10.0  # an expiry is seen so soon


class Trust:
    """Checks signatures against `signing.toml`, which is read anew when it changes.

    Args:
        file: The policies; need not be there.
        signatures: Of stored packages.
        now: The time, with its zone.
    """

    def __init__(
        self,
        file: Path,
        signatures: PackageSignatures,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._file = file
        self._signatures = signatures
        self._now = now
        self._state: tuple[int, int] = (0, 0)
        self._policies: tuple[Policy, ...] = ()
        self._broken = ""
        self._found: dict[tuple[str, str], tuple[int, float, str]] = {}

    def refusal(self, project: str, digest: str) -> str:
        """Why the project may not run the package, in words; empty if it may."""
        self._look()
        if self._broken:
            return self._broken
        if not self._policies:
            return ""
        moment = self._now()
        changed = self._signatures.changed(digest)
        known = self._found.get((project, digest))
        if known is not None and known[0] == changed and moment.timestamp() - known[1] < _STANDS_SECONDS:
            return known[2]
        demand = demand_of(self._policies, project)
        words = refusal(demand, digest, self._signatures.of(digest), moment)
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[project, digest] = (changed, moment.timestamp(), words)
        return words

    def refused_by_all(self, projects: Iterable[str], digest: str) -> str:
        """Why none of these projects may run the package; empty if one may, or nobody asks."""
        words = [self.refusal(project, digest) for project in dict.fromkeys(projects)]
        return words[0] if words and all(words) else ""

    def _look(self) -> None:
        state = (self._file.stat().st_mtime_ns, self._file.stat().st_size) if self._file.exists() else (0, 0)
        if state == self._state and not self._broken:
            return
        try:
            self._policies, self._broken = read_policies(self._file), ""
        except ModelwayError as error:  # who cannot be told from others is not let in
            if not self._broken:
                log.error("%s: %s", FILE_NAME, error.message)  # noqa: TRY400 - said in full
            self._broken = f"{error.message}; until it is corrected, no package is trusted"
        self._state = state
        self._found.clear()


def refusal(demand: Demand, digest: str, bundles: Iterable[Bundle], now: dt.datetime) -> str:
    """Why a package does not meet a demand; empty if it does."""
    bundles = tuple(bundles)
    trusted = {key.id for key in demand.keys}
    if not demand.required and not any(bundle.key_id in trusted for bundle in bundles):
        return ""  # unsigned, or by somebody nobody here speaks of
    try:
        check_signatures(digest, bundles, demand.keys, now=now)
    except PackageNotTrustedError as error:
        return f"{error.message}; {error.hint}"
    return ""
