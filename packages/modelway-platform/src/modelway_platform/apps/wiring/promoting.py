"""Whoever carries promotions on, wired."""

from collections.abc import Callable, Sequence

from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.apps.wiring.stores import Stores
from modelway_platform.deploy.promote.evidence import Evidence
from modelway_platform.deploy.promote.promoter import Promoter, PromoterParts
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.sources.git_source import GitSource, owner_of
from modelway_platform.insight.mirror_report import MirrorReports
from modelway_platform.store.files.packages import PackageStore


def make_promoter(
    directory: StateDirectory, led: Stores, packages: PackageStore, endpoints: Callable[[], Sequence[Endpoint]]
) -> Promoter:
    """The promoter of a control process; `led` are stores that only the leader writes to."""

    def source_of(deployment: str) -> GitSource | None:
        owner = owner_of("Deployment", deployment, led.sources.list())
        return None if owner is None else owner.spec

    return Promoter(
        PromoterParts(
            promotions=led.promotions,
            documents=led.documents,
            packages=packages,
            events=led.events,
            evidence=Evidence(packages, endpoints, MirrorReports(directory.access_logs)),
            source_of=source_of,
            writes=led.git_writes,
        )
    )
