"""Where packages come from, who vouches for them, and what makes them startable on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass

import uv

from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.builder.environment import EnvironmentBuilder
from modelway_platform.deploy.builder.preparation import PackagePreparer
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand, uv_environment
from modelway_platform.deploy.fetch.fetch_package import PackageFetcher
from modelway_platform.deploy.fetch.store_access import FILE_NAME as STORES_FILE
from modelway_platform.deploy.fetch.store_access import StoreAccess
from modelway_platform.deploy.fetch.wanted import Wanted
from modelway_platform.deploy.operators.processes.process_table import INSTANCE_VARIABLE
from modelway_platform.deploy.trust.policy import FILE_NAME as POLICY_FILE
from modelway_platform.deploy.trust.trust import Trust
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.files.signatures import PackageSignatures


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedPackages:
    """Packages and what is known of them.

    Args:
        store: The archives.
        signatures: Who vouches for them.
        trust: Which of them a project may deploy.
        wanted: Which of them are declared, from where and by whom.
        fetcher: Gets those that are wanted into the store.
        preparer: Unpacks them here, with their environments.
        environment: All that an installer of packages may see.
    """

    store: PackageStore
    signatures: PackageSignatures
    trust: Trust
    wanted: Wanted
    fetcher: PackageFetcher
    preparer: PackagePreparer
    environment: Mapping[str, str]


def make_trusted_packages(
    directory: StateDirectory, store: PackageStore, documents: Documents, variables: Mapping[str, str]
) -> TrustedPackages:
    """Those of the control process that has `directory`."""
    signatures = PackageSignatures(store)
    trust = Trust(directory.root / POLICY_FILE, signatures)
    wanted = Wanted(documents)
    # The mark lets the next control process end a build that this one was killed in.
    environment = dict(uv_environment(variables)) | {INSTANCE_VARIABLE: directory.instance()}
    command = UvCommand(path=uv.find_uv_bin(), environment=environment)
    return TrustedPackages(
        store=store,
        signatures=signatures,
        trust=trust,
        wanted=wanted,
        fetcher=PackageFetcher(
            store,
            StoreAccess(directory.root / STORES_FILE),
            wanted.origins,
            signatures,
            refused=lambda package: trust.refused_by_all(wanted.projects(package), package),
        ),
        preparer=PackagePreparer(
            directory.unpacked,
            archive=store.path,
            environments=EnvironmentBuilder(directory.environments, uv=command, sdk=SdkCopy.of_this_process()),
        ),
        environment=environment,
    )
