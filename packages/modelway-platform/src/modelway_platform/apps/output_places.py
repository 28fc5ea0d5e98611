"""Where Parquet outputs write to, and how questions get older records back from there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.packaging.store.open_store import open_store
from modelway_platform.apps.output_settings import ParquetEntry, read_outputs
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.fetch.store_access import FILE_NAME, StoreAccess
from modelway_platform.insight.outputs.parquet.elsewhere import Archive, BroughtBack
from modelway_platform.insight.outputs.parquet.keys import own_ledger

if TYPE_CHECKING:
    from modelway_platform.insight.outputs.parquet.objects import Objects


def own_folder(directory: StateDirectory, output: str) -> Path:
    """Where a Parquet output has its ledger."""
    return directory.outputs / output


def objects_at(directory: StateDirectory, address: str) -> "Objects":
    """The place; access to buckets is said in `stores.toml`, as for packages, or by the environment.

    Raises:
        AwayError: It cannot be opened.
    """
    from modelway_platform.insight.outputs.parquet.objects import Objects  # noqa: PLC0415 - obstore is an extra

    def backend() -> object:
        if address.startswith("file://"):
            return open_store(address, {}, make=True).backend
        return StoreAccess(directory.root / FILE_NAME).open(f"{address}/", address, "").store.backend

    return Objects(address, backend)


def older_records(directory: StateDirectory) -> BroughtBack:
    """What questions ask for records that the store has let go: the first Parquet output there is."""
    return BroughtBack(directory.outputs / "brought-back", _archive(directory))


def _archive(directory: StateDirectory) -> Callable[[], Archive | None]:
    def find() -> Archive | None:
        for name, entry in read_outputs(directory.outputs_file).outputs.items():
            if isinstance(of := entry.of, ParquetEntry):
                return Archive(
                    ledger=own_ledger(own_folder(directory, name)),
                    open=lambda address=of.address: objects_at(directory, address),
                    most_bytes=int(of.cache_gib * (1 << 30)),
                )
        return None

    return find
