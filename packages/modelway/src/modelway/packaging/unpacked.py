"""A package as a folder: what a model server starts from."""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from modelway.errors import HandlerError, InvalidPackageError, NotFoundError
from modelway.packaging.manifest import LOCK_ENTRY, MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPackage:
    """An unpacked package.

    Args:
        manifest: What the package says about itself.
        folder: Where it is.
    """

    manifest: Manifest
    folder: Path

    @property
    def code(self) -> Path:
        """Where the handler's module is imported from."""
        return self.folder / "code"

    @property
    def files(self) -> Path:
        """What the handler sees as `self.files`."""
        return self.folder / "files"

    @property
    def lock(self) -> Path:
        """Requirements with hashes of the environment it runs in."""
        return self.folder / LOCK_ENTRY


def open_package(folder: Path) -> LoadedPackage:
    """The package unpacked in `folder`, its files there with their sizes; `extract` has checked the content.

    Raises:
        NotFoundError: No manifest there.
        InvalidPackageError: The manifest is not one, or a file is missing or cut.
    """
    try:
        with (folder / MANIFEST_NAME).open("rb") as source:
            manifest = parse_manifest(source.read(MAX_MANIFEST_BYTES + 1))
    except OSError as error:
        message = f"{folder}: not an unpacked package ({MANIFEST_NAME}: {error.strerror})"
        raise NotFoundError(message, hint="give the folder a .mwpkg file was unpacked to.") from error
    for entry in manifest.files:
        path = folder / entry.path
        if not path.is_file() or path.stat().st_size != entry.size:
            message = f"{entry.path!r}: missing or changed since the package was unpacked"
            raise InvalidPackageError(message, hint="remove the folder and unpack the package again.")
    return LoadedPackage(manifest=manifest, folder=folder)


def import_handler(code: Path, handler: str) -> type[Any]:
    """The class `module:Class` from the folder `code`, which is put first on the import path.

    Raises:
        HandlerError: The module cannot be imported or has no such class; the cause is chained.
    """
    module_name, _, class_name = handler.partition(":")
    if str(code) not in sys.path:
        sys.path.insert(0, str(code))
    try:
        module = import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        hint = f"add what provides '{missing}' to [project] dependencies." if missing else "correct the module."
        raise HandlerError(f"cannot import {module_name}: {type(error).__name__}: {error}", hint=hint) from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        message = f"{module_name} has no class {class_name}"
        raise HandlerError(message, hint=f'correct [tool.modelway] handler = "{handler}".')
    return found
