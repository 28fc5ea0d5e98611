"""By which objects on a cluster are known as one platform's, and a version's: names, labels, and selectors that find them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from modelway_platform.domain.identity import VersionKey

INSTANCE, CLUSTER = "modelway/instance", "modelway/cluster"
PROJECT, MODEL, VERSION = "modelway/project", "modelway/model", "modelway/version"
MANAGED = {"app.kubernetes.io/managed-by": "modelway"}


def version_labels(key: VersionKey) -> dict[str, str]:
    """What all that is of a version has."""
    return {PROJECT: key.project, MODEL: key.model, VERSION: key.version}


def selector_of(labels: Mapping[str, str]) -> str:
    """Finds what has all of these labels, as Kubernetes' API takes it."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


@dataclass(frozen=True, slots=True)
class Owner:
    """One platform on one of its clusters.

    Args:
        instance: The mark of this platform instance.
        cluster: The cluster's name.
    """

    instance: str
    cluster: str

    @property
    def labels(self) -> dict[str, str]:
        """What all its objects have."""
        return {**MANAGED, INSTANCE: self.instance, CLUSTER: self.cluster}

    @property
    def selector(self) -> str:
        """Finds all its objects."""
        return selector_of(self.labels)

    def labels_of(self, key: VersionKey) -> dict[str, str]:
        """What all its objects of a version have."""
        return {**self.labels, **version_labels(key)}

    def pods_of(self, key: VersionKey) -> dict[str, str]:
        """By which a version's pods are found."""
        return {INSTANCE: self.instance, **version_labels(key)}

    def name_of(self, key: VersionKey) -> str:
        """The name of a version's Service and of what goes with it.

        Readable, and different for each version of each platform in one namespace; a label of DNS.
        """
        known_by = hashlib.sha256(f"{self.instance} {key}".encode()).hexdigest()[:10]
        return f"mw-{key.model[:40].rstrip('-')}-{known_by}"
