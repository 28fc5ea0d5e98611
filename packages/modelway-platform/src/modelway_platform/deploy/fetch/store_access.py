"""How this platform gets into stores of packages: `stores.toml` beside its state, else the environment it was started in."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.errors import ForbiddenError, InvalidRequestError
from modelway.packaging.store.open_store import Store, open_store
from modelway_platform.deploy.read_table import Table

if TYPE_CHECKING:
    from obstore.store import ClientConfig

FILE_NAME = "stores.toml"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PLACES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION")
_MAX_SECRETS = 64 * 1024
# A silent store is given up after this long; one that sends at all, however slowly, is not.
_CLIENT: "ClientConfig" = {"read_timeout": "30s", "connect_timeout": "10s", "timeout": "7days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEntry:
    """One `[[store]]` of the file.

    Args:
        address: `s3://bucket/prefix` or `file:///folder`: the entry is for everything below.
        endpoint: Where it is not Amazon's.
        region: Its region.
        key_file: A file of `NAME=value` lines with the variables of AWS's tools; read anew each time.
        key_variables: The same from this process's environment, under names that begin with this.
        anonymous: Whether requests go unsigned.
        projects: Whose deployments may be fetched from it; all where empty.
    """

    address: str
    endpoint: str = ""
    region: str = ""
    key_file: str = ""
    key_variables: str = ""
    anonymous: bool = False
    projects: tuple[str, ...] = ()

    def holds(self, origin: str) -> bool:
        """Whether an address is below this one."""
        return origin.startswith(self.address.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class OpenedStore:
    """A store that can be read, and what must not be seen in any text about it."""

    store: Store
    secrets: tuple[str, ...] = field(repr=False)

    def censored(self, text: str) -> str:
        """`text` without what gives access."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text


class StoreAccess:
    """Opens stores for those who may read them.

    Args:
        file: `stores.toml`; read at every use, so a change needs no restart; need not be there.
        variables: The environment of this process.
    """

    def __init__(self, file: Path, variables: Mapping[str, str] | None = None) -> None:
        self._file = file
        self._variables = os.environ if variables is None else variables

    def entries(self) -> tuple[StoreEntry, ...]:
        """What the file says.

        Raises:
            InvalidRequestError: It cannot be read.
        """
        if not self._file.exists():
            return ()
        try:
            document = tomllib.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidRequestError(
                f"{FILE_NAME}: {error}", hint="correct it; docs/packages.md shows its form"
            ) from None
        top = Table(FILE_NAME, document)
        found = tuple(_entry(each) for each in top.tables("store"))
        top.finish()
        return found

    def open(self, origin: str, address: str, project: str) -> OpenedStore:
        """The store `address`, for a package that `project` wants from `origin` in it.

        Raises:
            ForbiddenError: This platform or the project may not read it.
            InvalidRequestError: Configuration that cannot be read.
            NotFoundError: A folder that is not there.
        """
        fitting = [each for each in self.entries() if each.holds(origin)]
        entry = max(fitting, key=lambda each: len(each.address), default=None)
        if entry is None and not address.startswith("s3://"):
            raise ForbiddenError(
                f"{address} is no store of this platform", hint=f"an operator declares folders in {FILE_NAME}"
            )
        if entry is not None and entry.projects and project not in entry.projects:
            raise ForbiddenError(f"project {project} may not fetch from {entry.address}", hint=f"see {FILE_NAME}")
        variables = self._of(entry) if entry is not None else dict(self._variables)
        secrets = tuple(variables[name] for name in CREDENTIALS if variables.get(name))
        anonymous = entry is not None and entry.anonymous
        store = open_store(address, variables, client=_CLIENT, anonymous=anonymous)
        return OpenedStore(store, secrets)

    def _of(self, entry: StoreEntry) -> dict[str, str]:
        given = {name: self._variables[name] for name in (*_PLACES, *CREDENTIALS) if name in self._variables}
        if entry.key_file or entry.key_variables or entry.anonymous:
            given = {name: value for name, value in given.items() if name not in CREDENTIALS}
        if entry.key_variables:
            found = {name: self._variables.get(entry.key_variables + name, "") for name in CREDENTIALS}
            given |= {name: value for name, value in found.items() if value}
        if entry.key_file:
            given |= _key_file(Path(entry.key_file))
        if entry.endpoint:
            given |= {"AWS_ENDPOINT_URL": entry.endpoint, "AWS_ENDPOINT_URL_S3": entry.endpoint}
        if entry.region:
            given["AWS_REGION"] = entry.region
        return given


def _entry(table: Table) -> StoreEntry:
    found = StoreEntry(
        address=table.text("address"),
        endpoint=table.text("endpoint", ""),
        region=table.text("region", ""),
        key_file=table.text("key_file", ""),
        key_variables=table.text("key_variables", ""),
        anonymous=table.boolean("anonymous", default=False),
        projects=table.texts("projects"),
    )
    if not found.address.startswith(("s3://", "file:///")):
        table.refuse("address", "write s3://bucket/prefix or file:///folder")
    if found.endpoint and not found.endpoint.startswith(("http://", "https://")):
        table.refuse("endpoint", "write http://… or https://…")
    table.finish()
    return found


def _key_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines; only names of AWS's tools count, and nothing of the file is in any message."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_SECRETS)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise ForbiddenError(f"the key file of a store cannot be read: {reason}", hint=f"see {FILE_NAME}") from None
    pairs: Any = (line.strip().partition("=") for line in text.splitlines())
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs if name.strip() in CREDENTIALS}
