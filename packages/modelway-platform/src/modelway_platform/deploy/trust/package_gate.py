"""What may speak against a deployment once its package is here, although the package itself is good."""

from collections.abc import Callable

from modelway_platform.deploy.trust.trusted_preparer import REASON
from modelway_platform.domain.records import DeploymentRecord
from modelway_platform.store.files.packages import PackageStore


class PackageGate:
    """A `reconcile.gate.Gate`.

    Args:
        trust: Why a project may not run a package; empty if it may.
        packages: The package store.
    """

    def __init__(self, trust: Callable[[str, str], str], packages: PackageStore) -> None:
        self._trust = trust
        self._packages = packages
        self._endpoints: dict[str, tuple[str, ...]] = {}

    def refusal(self, record: DeploymentRecord) -> tuple[str, str]:
        """Reason and words; empty if nothing does."""
        deployment = record.deployment
        if words := self._trust(deployment.key.project, deployment.package):
            return REASON, words
        # What was uploaded was looked at when the document came; what was fetched comes later.
        fetched = bool(deployment.origin) and self._packages.has(deployment.package)
        if fetched and deployment.key.version in self._endpoints_of(deployment.package):
            text = f"version {deployment.key.version!r} has the name of an endpoint of {deployment.key.model_key}"
            return "PackageRefused", f"{text}; choose another version name, so that URLs stay unambiguous"
        return "", ""

    def _endpoints_of(self, package: str) -> tuple[str, ...]:
        if package not in self._endpoints:
            self._endpoints[package] = self._packages.get(package).endpoints
        return self._endpoints[package]
