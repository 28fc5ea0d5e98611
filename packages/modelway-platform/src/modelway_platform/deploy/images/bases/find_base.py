"""Finds the base image of a package: the definition that fits, and the image made from it where bases are kept."""

from dataclasses import dataclass

from modelway import packaging
from modelway.errors import NotFoundError
from modelway_platform.deploy.images.bases.base_image import BaseImage
from modelway_platform.deploy.images.bases.catalogue import Catalogue
from modelway_platform.deploy.images.bases.choose import BaseChoice, choose_base
from modelway_platform.deploy.images.bases.definition import Device
from modelway_platform.deploy.images.bases.open_base import BaseOpener
from modelway_platform.deploy.images.bases.package_lock import pins_for
from modelway_platform.deploy.images.bases.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFinder:
    """What decides about bases on this machine.

    Args:
        catalogue: All definitions.
        shelf: Where images made from them are.
        opener: Fetches one.
    """

    catalogue: Catalogue
    shelf: Shelf
    opener: BaseOpener

    def choose(self, package: packaging.LoadedPackage, *, name: str = "", device: Device | None = None) -> BaseChoice:
        """The definition for a package (see `choose_base`); what its project names counts where `name` is empty."""
        manifest = package.manifest
        pins = pins_for(package.lock.read_bytes(), manifest.python, self.opener.architecture)
        wanted = name or ("" if device else manifest.base)
        return choose_base(self.catalogue.definitions, pins, manifest.python, name=wanted, device=device)

    def fetch(self, choice: BaseChoice) -> BaseImage:
        """The image of the definition.

        Raises:
            NotFoundError: It has not been made; the hint says how.
        """
        name = choice.definition.name
        try:
            return self.opener.image(self.shelf.image(name))
        except NotFoundError as error:
            raise self.shelf.missing(name, choice.why) from error
