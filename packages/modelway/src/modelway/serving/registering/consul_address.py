"""Addresses of Consul's agents: `consul://HOST[:PORT][?service=NAME]`."""

from urllib.parse import parse_qsl, urlsplit

from modelway.errors import InvalidRequestError

CONSUL_SCHEMES = frozenset({"consul", "consul+https"})
USUAL_CONSUL_PORT = 8500


def consul_address(url: str) -> tuple[str, str]:
    """The agent's URL and the name of the service, `modelway` unless given.

    Raises:
        InvalidRequestError: It has another form.
    """
    hint = "as in consul://127.0.0.1:8500 or consul+https://consul.example:8501?service=modelway."
    try:
        parts = urlsplit(url)
        port = parts.port or USUAL_CONSUL_PORT
    except ValueError as error:
        raise InvalidRequestError(f"{url}: {error}", hint=hint) from error
    options = dict(parse_qsl(parts.query))
    service = options.pop("service", "modelway")
    if not parts.hostname or parts.path.strip("/") or parts.username or options or not _is_label(service):
        raise InvalidRequestError(f"{url}: not an address of Consul", hint=hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{'https' if parts.scheme == 'consul+https' else 'http'}://{host}:{port}", service


def _is_label(name: str) -> bool:
    return name.isascii() and 0 < len(name) <= 63 and name.replace("-", "").isalnum()
