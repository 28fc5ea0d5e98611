"""A handler class and its files become one immutable archive."""

from modelway.packaging.archive import read_manifest, verify
from modelway.packaging.build import BuiltPackage, Progress, build
from modelway.packaging.extract import extract
from modelway.packaging.golden_examples import difference
from modelway.packaging.limits import Limits
from modelway.packaging.manifest import Environment, Example, FileEntry, Framework, Manifest
from modelway.packaging.project import Project, read_project
from modelway.packaging.unpacked import LoadedPackage, import_handler, open_package

__all__ = [
    "BuiltPackage",
    "Environment",
    "Example",
    "FileEntry",
    "Framework",
    "Limits",
    "LoadedPackage",
    "Manifest",
    "Progress",
    "Project",
    "build",
    "difference",
    "extract",
    "import_handler",
    "open_package",
    "read_manifest",
    "read_project",
    "verify",
]
