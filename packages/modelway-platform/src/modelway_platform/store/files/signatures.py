"""Signatures of stored packages: a file of bundles beside each archive."""

import threading
from pathlib import Path

from modelway.errors import ConflictError, InvalidPackageError, NotFoundError
from modelway.packaging.signing.bundle import Bundle, parse_bundles, with_bundle
from modelway_platform.store.files.packages import DIGEST, PackageStore, write_durably

_SUFFIX = ".sigstore.json"


class PackageSignatures:
    """`<hex>.sigstore.json` files in the folder of a package store.

    Args:
        packages: The store.
    """

    def __init__(self, packages: PackageStore) -> None:
        self._packages = packages
        self._lock = threading.Lock()

    def of(self, digest: str) -> tuple[Bundle, ...]:
        """All of a package; none where the file cannot be read."""
        path = self._path(digest)
        try:
            return parse_bundles(path.read_bytes())
        except (OSError, InvalidPackageError):
            return ()

    def changed(self, digest: str) -> int:
        """Another number whenever they have changed; 0 for none."""
        path = self._path(digest)
        return path.stat().st_mtime_ns if path.exists() else 0

    def add(self, digest: str, bundle: Bundle) -> bool:
        """Keeps one; one by the same key is replaced. Returns whether it is new.

        Raises:
            NotFoundError: There is no such package.
            ConflictError: It is of another package.
        """
        if not self._packages.has(digest):
            raise NotFoundError(f"no package {digest[:100]}", hint="modelway get packages")
        if bundle.statement.digest != digest:
            raise ConflictError(
                f"the signature is of {bundle.statement.digest[:19]}…, not of {digest[:19]}…",
                hint="sign this package: modelway sign PACKAGE --key KEY",
            )
        with self._lock:
            there = self.of(digest)
            if bundle in there:
                return False
            write_durably(self._path(digest), with_bundle(there, bundle))
        return True

    def _path(self, digest: str) -> Path:
        if DIGEST.fullmatch(digest) is None:
            raise NotFoundError(f"no package {digest[:100]}", hint="modelway get packages")
        return self._packages.path(digest).with_suffix(_SUFFIX)
