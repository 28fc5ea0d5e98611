"""Which deployments want a package: whose they are, and where they say that it comes from."""

from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.store.declared.documents import Documents


class Wanted:
    """Looks into what is declared.

    Args:
        documents: It.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def origins(self, package: str) -> list[tuple[str, str]]:
        """Address and project of each deployment that says where the package comes from."""
        return list(dict.fromkeys((each.origin, each.key.project) for each in self._of(package) if each.origin))

    def projects(self, package: str) -> list[str]:
        """The projects whose deployments want it."""
        return list(dict.fromkeys(each.key.project for each in self._of(package)))

    def _of(self, package: str) -> list[Deployment]:
        declared = [record.deployment for record in self._documents.declared().deployments if not record.deleting]
        return [each for each in declared if each.package == package]
