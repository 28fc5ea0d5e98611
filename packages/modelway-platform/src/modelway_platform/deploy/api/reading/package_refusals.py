"""Packages that documents name and that their project may not deploy, found before anything is declared."""

from collections.abc import Callable, Iterable

from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.store.files.packages import PackageStore

Refusal = Callable[[str, str], str]
"""By project and digest, why the package may not be deployed; empty if it may."""


def no_refusal(_project: str, _digest: str) -> str:
    """Lets every package be deployed."""
    return ""


def refused_packages(written: Iterable[Written], packages: PackageStore, refusal: Refusal) -> list[Problem]:
    """One per document whose package is here and refused. What a store has yet to give is asked about once it is here."""
    found: list[Problem] = []
    for item in written:
        document = item.document
        if not isinstance(document, Deployment) or document.origin or not packages.has(document.package):
            continue
        if words := refusal(document.key.project, document.package):
            found.append(item.problem("spec.package", words))
    return found
