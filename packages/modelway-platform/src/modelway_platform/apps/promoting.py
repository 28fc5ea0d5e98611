"""Whoever carries promotions on, wired."""

from collections.abc import Callable, Sequence

from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.promote.evidence import Evidence
from modelway_platform.deploy.promote.promoter import Promoter, PromoterParts
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.sources.git_source import GitSource, owner_of
from modelway_platform.insight.mirror_report import MirrorReports
from modelway_platform.store.documents import Documents
from modelway_platform.store.events import Events
from modelway_platform.store.git_sources import GitSources
from modelway_platform.store.git_writes import GitWrites
from modelway_platform.store.packages import PackageStore
from modelway_platform.store.promotions import Promotions


def make_promoter(
    *,
    directory: StateDirectory,
    promotions: Promotions,
    documents: Documents,
    packages: PackageStore,
    events: Events,
    endpoints: Callable[[], Sequence[Endpoint]],
    sources: GitSources,
    writes: GitWrites,
) -> Promoter:
    """The promoter of a control process."""
    evidence = Evidence(packages, endpoints, MirrorReports(directory.access_logs))

    def source_of(deployment: str) -> GitSource | None:
        owner = owner_of("Deployment", deployment, sources.list())
        return None if owner is None else owner.spec

    return Promoter(
        PromoterParts(
            promotions=promotions,
            documents=documents,
            packages=packages,
            events=events,
            evidence=evidence,
            source_of=source_of,
            writes=writes,
        )
    )
