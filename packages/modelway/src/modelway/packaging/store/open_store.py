"""A place to keep packages, by its address: `s3://bucket/prefix` or a folder."""

import datetime as dt
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelway.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    ModelwayError,
    NotFoundError,
    UnavailableError,
)
from modelway.packaging.store.objects import MAX_REFERENCE_BYTES, Reference, parse_reference, version_key

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

VARIABLE = "MODELWAY_STORE"
PART_BYTES = 8 * 1024 * 1024
_METADATA_SERVICE = "169.254.169.254"
_HINT_ACCESS = "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL where it is not Amazon's."


class Store:
    """Objects under one address; see `objects` for what they mean.

    Args:
        address: As given, for messages.
        backend: obstore's store.
    """

    def __init__(self, address: str, backend: Any) -> None:
        import obstore  # noqa: PLC0415 - comes with `modelway[store]`; `open_store` has said so

        self.address = address
        self.backend = backend
        self._api = obstore

    def get(self, key: str) -> bytes:
        """An object's content.

        Raises:
            NotFoundError: There is no such object.
        """
        with self.explained(key):
            return self._api.get(self.backend, key).bytes().to_bytes()

    def size(self, key: str) -> int | None:
        """An object's size; None where there is none."""
        try:
            with self.explained(key):
                return self._api.head(self.backend, key)["size"]
        except NotFoundError:
            return None

    def put(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Writes an object, whole or not at all; a large one in parts side by side, as `data` yields them."""
        with self.explained(key):
            self._api.put(self.backend, key, data, chunk_size=PART_BYTES)

    def create(self, key: str, data: bytes) -> None:
        """Writes an object that must not be there yet: of several who try at once, one succeeds.

        Raises:
            ConflictError: There is one already.
        """
        with self.explained(key):
            self._api.put(self.backend, key, data, mode="create")

    def sign(self, keys: Sequence[str], valid: dt.timedelta) -> list[str]:
        """Addresses under which anybody can read these objects for a while.

        Raises:
            InvalidRequestError: The store is a folder, which has no such addresses.
        """
        if not self.address.startswith("s3:"):
            raise InvalidRequestError(
                f"{self.address} is a folder: it has no addresses to sign", hint="copy the archive."
            )
        with self.explained(keys[0]):
            return list(self._api.sign(self.backend, "GET", list(keys), valid))

    def reference(self, name: str, version: str) -> Reference:
        """A version's entry.

        Raises:
            NotFoundError: The store has no such version.
        """
        key = version_key(name, version)
        try:
            return parse_reference(self.get(key), key)
        except NotFoundError:
            hint = f"`modelway list {name}` shows which there are."
            raise NotFoundError(f"{self.address} has no {name}/{version}", hint=hint) from None

    def references(self, name: str = "") -> Iterator[Reference]:
        """All versions of a model, or of all models, in the order of their names."""
        prefix = f"versions/{name}/" if name else "versions/"
        for key in self.keys(prefix, largest=MAX_REFERENCE_BYTES):
            yield parse_reference(self.get(key), key)

    def keys(self, prefix: str, *, largest: int) -> list[str]:
        """The objects below a prefix that have at most `largest` octets, in the order of their names."""
        found: list[str] = []
        with self.explained(prefix):
            chunks: Iterable[Any] = self._api.list(self.backend, prefix=prefix)  # pyright: ignore[reportUnknownMemberType]
            for chunk in chunks:
                found += [each["path"] for each in chunk if each["size"] <= largest]
        return sorted(found)

    @contextmanager
    def explained(self, key: str) -> Generator[None]:
        """Turns what the library raises about `key` into errors of ours."""
        errors = self._api.exceptions
        try:
            yield
        except FileNotFoundError:
            raise NotFoundError(f"{self.address} has no {key}", hint="push it there first.") from None
        except (errors.AlreadyExistsError, errors.PreconditionError):
            raise ConflictError(f"{key} is in {self.address} already") from None
        except (errors.PermissionDeniedError, errors.UnauthenticatedError):
            raise ForbiddenError(f"{self.address}: access denied", hint=_HINT_ACCESS) from None
        except (errors.BaseError, OSError) as error:
            if _METADATA_SERVICE in str(error):  # where S3's clients look for a key when they were given none
                raise ForbiddenError(f"{self.address}: no access key was given", hint=_HINT_ACCESS) from None
            raise UnavailableError(f"{self.address}: {_first_line(error)}", hint="try again; check address.") from error


def open_store(
    address: str = "",
    variables: Mapping[str, str] | None = None,
    *,
    make: bool = False,
    anonymous: bool = False,
    client: "ClientConfig | None" = None,
) -> Store:
    """The store at an address.

    Args:
        address: `s3://bucket/prefix`, `file:///folder` or a folder's path; `MODELWAY_STORE` unless given.
        variables: The environment: for S3 the AWS_… variables as everywhere.
        make: Whether a folder that is not there is made; else it is taken for a mistake.
        anonymous: Whether requests to S3 go unsigned, whatever the environment has.
        client: What is set otherwise of obstore's client; among it the time limits.

    Raises:
        NotFoundError: There is no such folder.
        InvalidRequestError: No address, or not one of a store.
        ModelwayError: The library for stores is not installed.
    """
    variables = os.environ if variables is None else variables
    address = address or variables.get(VARIABLE, "")
    if not address:
        raise InvalidRequestError(
            "which store?", hint=f"name it with --store s3://bucket/prefix or a folder, or set {VARIABLE}."
        )
    try:
        from obstore.store import LocalStore, S3Store  # noqa: PLC0415 - only who uses stores needs it
    except ImportError:
        raise ModelwayError(
            "packages are kept in stores by obstore, which is not installed", hint="pip install 'modelway[store]'"
        ) from None
    scheme = urlsplit(address).scheme
    if scheme in {"", "file"}:
        folder = Path(urlsplit(address).path if scheme else address).expanduser()
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            raise NotFoundError(f"{address}: no such folder", hint="correct the address; the first push makes a store.")
        return Store(address, LocalStore(folder.resolve()))
    if scheme != "s3" or not urlsplit(address).netloc:
        raise InvalidRequestError(f"{address!r} is no address of a store", hint="s3://bucket/prefix, or a folder.")
    settings = _s3_settings(variables, anonymous=anonymous)
    options: ClientConfig = {"allow_http": settings.get("endpoint", "").startswith("http://"), "timeout": "300s"}
    options |= client or {}
    try:
        return Store(
            address, S3Store.from_url(address, config=settings, client_options=options, retry_config={"max_retries": 4})
        )
    except Exception as error:
        raise InvalidRequestError(f"{address}: {_first_line(error)}", hint=_HINT_ACCESS) from error


def _s3_settings(variables: Mapping[str, str], *, anonymous: bool) -> "S3Config":
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
    settings: S3Config = {"region": region}
    if endpoint := variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL"):
        settings["endpoint"] = endpoint
    if anonymous:
        settings["skip_signature"] = True
    elif (key := variables.get("AWS_ACCESS_KEY_ID")) and (secret := variables.get("AWS_SECRET_ACCESS_KEY")):
        settings |= {"access_key_id": key, "secret_access_key": secret}
        if token := variables.get("AWS_SESSION_TOKEN"):
            settings["session_token"] = token
    return settings


def _first_line(error: BaseException) -> str:
    """The reason without the request's own headers and stack, which may hold what nobody should read."""
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__
