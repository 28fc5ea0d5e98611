"""Signatures of packages in a store: `signatures/{sha256 of the archive}/{key id}.json`, a bundle each, beside the versions."""

from pathlib import Path

from modelway.errors import InvalidPackageError
from modelway.packaging.manifest import SHA256
from modelway.packaging.signing.bundle import (
    MAX_BUNDLE_BYTES,
    MAX_BUNDLES,
    Bundle,
    parse_bundle,
    parse_bundles,
    signature_path,
)
from modelway.packaging.store.open_store import Store


def push_signatures(archive: Path, digest: str, store: Store) -> int:
    """Sends the signatures that lie beside an archive; how many there are of it.

    Raises:
        InvalidPackageError: What lies there are no signatures.
        ModelwayError: The store cannot be reached or refuses.
    """
    path = signature_path(archive)
    bundles = parse_bundles(path.read_bytes()) if path.is_file() else ()
    current = [each for each in bundles if each.statement.digest == digest and SHA256.fullmatch(each.key_id)]
    for bundle in current:
        store.put(_key(digest, bundle.key_id), bundle.to_bytes())
    return len(current)


def pull_signatures(digest: str, store: Store) -> tuple[Bundle, ...]:
    """The signatures that a store has of a package; what is there and is none is passed over.

    Raises:
        ModelwayError: The store cannot be reached or refuses.
    """
    found: list[Bundle] = []
    for key in store.keys(f"signatures/{digest.removeprefix('sha256:')}/", largest=MAX_BUNDLE_BYTES)[:MAX_BUNDLES]:
        try:
            bundle = parse_bundle(store.get(key))
        except InvalidPackageError:
            continue
        if bundle.statement.digest == digest:
            found.append(bundle)
    return tuple(found)


def _key(digest: str, key_id: str) -> str:
    return f"signatures/{digest.removeprefix('sha256:')}/{key_id}.json"
