"""Signatures of a package out of the store that it comes from; whether they count is for others to say."""

import asyncio

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.packaging.signing.bundle import MAX_BUNDLE_BYTES, MAX_BUNDLES, SUFFIX, Bundle, parse_bundles
from modelway.packaging.store.open_store import Store
from modelway.packaging.store.signatures import pull_signatures
from modelway_platform.domain.deployments.package_origin import ARCHIVE_SUFFIX
from modelway_platform.store.files.signatures import PackageSignatures


async def fetch_signatures(store: Store, rest: str, package: str, signatures: PackageSignatures) -> int:
    """Keeps those that a store has of a package that is here; how many there are.

    Args:
        store: The store.
        rest: What is named in it: `NAME/VERSION`, or the key of an archive, whose signatures lie beside it.
        package: The package's digest.
        signatures: Where they are kept.

    Raises:
        ModelwayError: The store cannot be reached or refuses.
    """
    return await asyncio.to_thread(_fetch, store, rest, package, signatures)


def _fetch(store: Store, rest: str, package: str, signatures: PackageSignatures) -> int:
    found = _beside(store, rest) if rest.endswith(ARCHIVE_SUFFIX) else pull_signatures(package, store)
    kept = [bundle for bundle in found if bundle.statement.digest == package]
    for bundle in kept:
        signatures.add(package, bundle)
    return len(kept)


def _beside(store: Store, key: str) -> tuple[Bundle, ...]:
    size = store.size(key + SUFFIX)
    if size is None or size > MAX_BUNDLES * MAX_BUNDLE_BYTES:
        return ()
    try:
        return parse_bundles(store.get(key + SUFFIX))
    except (NotFoundError, InvalidPackageError):
        return ()
