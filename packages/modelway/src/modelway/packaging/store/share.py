"""Tickets: a version's objects as signed addresses, for somebody without access to the store, for a while."""

import datetime as dt
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from modelway.errors import ForbiddenError, InvalidPackageError, InvalidRequestError, NotFoundError, UnavailableError
from modelway.packaging.manifest import MAX_MANIFEST_BYTES, parse_manifest
from modelway.packaging.store.objects import SEGMENT, Reference, all_keys, blob_key, parse_reference, version_key
from modelway.packaging.store.open_store import Store

TIMEOUT_SECONDS = 300
MAX_TICKET_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One version and where each of its objects can be fetched; itself a source to pull from."""

    reference: Reference
    addresses: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self) + b"\n"

    def get(self, key: str) -> bytes:
        """An object's content, over its signed address.

        Raises:
            NotFoundError: The ticket has no such object.
            ForbiddenError: The ticket has expired or was withdrawn.
        """
        address = self.addresses.get(key, "")
        if urlsplit(address).scheme not in {"http", "https"}:
            raise NotFoundError(f"the ticket has no address for {key}", hint="ask for a new one: modelway share")
        limit = max(SEGMENT, MAX_MANIFEST_BYTES)
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the scheme was checked
                return cast("bytes", answer.read(limit + 1))
        except urllib.error.HTTPError as error:
            if error.code in {401, 403}:
                raise ForbiddenError(
                    "the ticket is no longer valid", hint="ask for a new one: modelway share"
                ) from None
            raise UnavailableError(f"the store answers {error.code} for {key}", hint="try again.") from None
        except OSError as error:
            raise UnavailableError(f"the store cannot be reached: {error}", hint="try again.") from None


def share(store: Store, reference: Reference, valid: dt.timedelta) -> Ticket:
    """A ticket for one version.

    Raises:
        InvalidRequestError: The store is a folder, which cannot sign addresses, or `valid` is not 1 s to 7 days.
    """
    if not dt.timedelta(seconds=1) <= valid <= dt.timedelta(days=7):
        raise InvalidRequestError("a ticket is valid for 1 second to 7 days")
    manifest = parse_manifest(store.get(blob_key(reference.manifest)))
    keys = list(dict.fromkeys(all_keys(reference, manifest)))
    return Ticket(reference=reference, addresses=dict(zip(keys, store.sign(keys, valid), strict=True)))


def read_ticket(data: bytes) -> Ticket:
    """A ticket out of its JSON, checked.

    Raises:
        InvalidPackageError: It is none.
    """
    try:
        if len(data) > MAX_TICKET_BYTES:
            raise InvalidPackageError(
                f"not a ticket: over {MAX_TICKET_BYTES} bytes", hint="`modelway share` makes one."
            )
        ticket = msgspec.json.decode(data, type=Ticket)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidPackageError(f"not a ticket: {error}", hint="`modelway share` makes one.") from error
    named: Any = ticket.reference
    parse_reference(named.to_bytes(), version_key(named.name, named.version))
    return ticket
