"""Where the platform is and which key opens it: flags, then the environment, then the file `modelway up` wrote."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from modelway.errors import InvalidRequestError

DEFAULT_CONTROL_URL = "http://127.0.0.1:7070"
DEFAULT_GATEWAY_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One address and the key for it; the key is never part of a printed value.

    `ca_file` is a PEM file: over HTTPS only certificates signed by one of those in it are trusted; empty for the system's.
    """

    url: str
    key: str = field(default="", repr=False)
    ca_file: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What every request to it carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The doors of a platform: its REST API, its gateway, and where its console is, if it is known."""

    control: Server
    gateway: Server
    console: str = ""


class _Context(msgspec.Struct, frozen=True, kw_only=True):
    control: str = ""
    gateway: str = ""
    console: str = ""
    key: str = ""


def find_connection(
    *,
    url: str = "",
    gateway_url: str = "",
    key: str = "",
    ca_file: str = "",
    environment: Mapping[str, str] | None = None,
) -> Connection:
    """Settles address and key, each from the first source that has it.

    A flag wins over the environment (`MODELWAY_URL`, `MODELWAY_GATEWAY_URL`, `MODELWAY_KEY`, `MODELWAY_CA_FILE`), which
    wins over `context.json` in `$MODELWAY_HOME` (default `~/.modelway`). The file's key is only ever sent to the file's own
    addresses: naming another server must not hand it this machine's key.

    Raises:
        InvalidRequestError: The file cannot be used; the message names it.
    """
    given = os.environ if environment is None else environment
    home = Path(given.get("MODELWAY_HOME") or Path.home() / ".modelway")
    context = _read_context(home / "context.json")
    control = url or given.get("MODELWAY_URL", "") or context.control or DEFAULT_CONTROL_URL
    gateway = gateway_url or given.get("MODELWAY_GATEWAY_URL", "") or context.gateway or DEFAULT_GATEWAY_URL
    own_key = _checked_key(key or given.get("MODELWAY_KEY", ""))
    trusted = ca_file or given.get("MODELWAY_CA_FILE", "")
    control_key = own_key or _key_if_same(context.key, control, context.control)
    gateway_key = own_key or _key_if_same(context.key, gateway, context.gateway)
    return Connection(
        control=Server(url=control, key=control_key, ca_file=trusted),
        gateway=Server(url=gateway, key=gateway_key, ca_file=trusted),
        console=context.console if control == context.control else "",
    )


def _read_context(path: Path) -> _Context:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Context)
    except FileNotFoundError:
        return _Context()
    except OSError as error:
        raise InvalidRequestError(
            f"cannot read {path}: {error.strerror}", hint="check who owns it, or set MODELWAY_HOME"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(
            f"{path} is not what `modelway up` writes: {error}",
            hint="remove it; the next `modelway up` writes it again",
        ) from None


def _checked_key(key: str) -> str:
    if not all("!" <= character <= "~" for character in key):
        # Never repeated, not even partly: it may be a good key with a line end behind it.
        raise InvalidRequestError(
            "the key holds spaces, line ends or characters that no key has", hint="check --key and MODELWAY_KEY"
        )
    return key


def _key_if_same(key: str, url: str, own_url: str) -> str:
    return key if own_url and _origin(url) == _origin(own_url) else ""


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ("", "", None)
    port = port or {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, "127.0.0.1" if host == "localhost" else host, port)
