"""Git as the source: repositories that are followed, and commits that the platform makes."""

import os
from dataclasses import dataclass

from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.apps.wiring.stores import Stores
from modelway_platform.apps.wiring.trusted_packages import TrustedPackages
from modelway_platform.deploy.operators.processes.process_table import INSTANCE_VARIABLE
from modelway_platform.deploy.source.applying import CommitApplier
from modelway_platform.deploy.source.child import SourceChild
from modelway_platform.deploy.source.follower import SourceFollower
from modelway_platform.deploy.source.looking import Looker
from modelway_platform.deploy.source.writer import SourceWriter
from modelway_platform.store.changes import Changes
from modelway_platform.store.sources.rollout_writes import RolloutWrites


@dataclass(frozen=True, slots=True)
class Git:
    """Who follows repositories, and who writes to them."""

    follower: SourceFollower
    writer: SourceWriter


def make_git(directory: StateDirectory, led: Stores, packages: TrustedPackages, changes: Changes) -> Git:
    """Those of the control process that has `directory`; `led` are stores that only the leader writes to."""
    mark = {INSTANCE_VARIABLE: directory.instance()}
    applier = CommitApplier(
        led.documents, packages.store, led.events, refusal=packages.trust.refusal, moves=RolloutWrites(led.git_writes)
    )
    looker = Looker(directory.sources, os.environ, mark)
    follower = SourceFollower(led.sources, led.documents, looker, applier)

    def pushed(source: str) -> None:
        follower.want(source)
        changes.notify()

    child = SourceChild(directory.sources, os.environ, mark)
    return Git(follower, SourceWriter(led.git_writes, led.sources, child, pushed))
