"""What `kubernetes://[NAMESPACE][?selector=…&context=…&kubeconfig=…]` names: whose EndpointSlices are followed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from modelway.errors import InvalidRequestError
from modelway_platform.domain.identity import is_name
from modelway_platform.kubernetes.access import ClusterAccess
from modelway_platform.kubernetes.open_access import open_access

SCHEME = "kubernetes"
_OPTIONS = frozenset({"selector", "context", "kubeconfig"})
_HINT = (
    "as in kubernetes://models or kubernetes://models?context=staging&selector=team%3Dvision; "
    "without a name the pod's or the context's own namespace."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One namespace of one cluster.

    Args:
        access: Where, and as whom.
        selector: A label selector beside Modelway's own labels; empty for none.
    """

    access: ClusterAccess
    selector: str = ""


def read_address(address: str, environment: Mapping[str, str]) -> Followed:
    """What an address means for this process.

    Raises:
        InvalidRequestError: It has another form, or nothing says where the API server is.
    """
    try:
        parts = urlsplit(address)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise InvalidRequestError(f"{address}: not an address of a namespace", hint=_HINT) from error
    options = dict(pairs)
    namespace = parts.netloc
    if parts.scheme != SCHEME or parts.path.strip("/") or parts.fragment or (namespace and not is_name(namespace)):
        raise InvalidRequestError(f"{address}: not an address of a namespace", hint=_HINT)
    if options.keys() - _OPTIONS or len(options) < len(pairs) or not all(options.values()):
        raise InvalidRequestError(f"{address}: options are {', '.join(sorted(_OPTIONS))}, each once", hint=_HINT)
    access = open_access(environment, kubeconfig=options.get("kubeconfig", ""), context=options.get("context", ""))
    return Followed(
        access=replace(access, namespace=namespace) if namespace else access, selector=options.get("selector", "")
    )
