"""What a base image is to hold: a framework's wheels for one device, and the variables it sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from modelway_platform.deploy.images.bases.wheel_lock import WheelLock

Device = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseDefinition:
    """One base image as its file declares it.

    Args:
        name: `scikit-learn-cpu`; also its tag where bases are kept.
        framework: For people: `scikit-learn`.
        device: What it is made for.
        python: `3.11`.
        carries: Distributions it is there for; all of them must be in a package's lock. None: fits every package.
        exact: Patterns of distributions that must be the lock's to the version, because others load their libraries by path.
        requirements: What is resolved into wheels, PEP 508.
        variables: What the image sets for whoever runs in it.
        settings: For uv, where the caller's environment names no place for wheels.
        lock: The wheels, where they are decided already.
        root: What is below: an archive, layout or image in a registry; empty for Debian's own Python.
        source: The file that declares it.
    """

    name: str
    framework: str
    device: Device
    python: str
    source: Path
    carries: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    lock: WheelLock | None = None
    root: str = ""

    def must_be_exact(self, distribution: str) -> bool:
        """Whether a package may not have another version of it than the base."""
        return distribution in self.carries or any(fnmatchcase(distribution, each) for each in self.exact)
