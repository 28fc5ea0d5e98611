"""How one cluster is reached: its API server, whom to trust, as whom to ask; inside a pod, by what Kubernetes puts there."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelway.client.addresses import trusting
from modelway.errors import InvalidRequestError
from modelway_platform.kubernetes.credentials import Credential, FixedHeaders, TokenFile

POD_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HOST, _PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """All that opens one cluster.

    Args:
        url: The API server.
        namespace: Where objects are unless something else is said.
        tls: Whom to trust, and our certificate if that is how we are known; None over plain HTTP.
        credential: Headers that say who asks.
    """

    url: str
    namespace: str = "default"
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    credential: Credential = field(default_factory=FixedHeaders, repr=False)


def is_in_pod(environment: Mapping[str, str], folder: Path = POD_FOLDER) -> bool:
    """Whether this process runs in a pod with a service account."""
    return bool(environment.get(_HOST)) and (folder / "token").is_file()


def access_in_pod(environment: Mapping[str, str], folder: Path = POD_FOLDER) -> ClusterAccess:
    """What every pod with a service account is given.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api

    Raises:
        InvalidRequestError: This is no such pod.
    """
    if not is_in_pod(environment, folder):
        raise InvalidRequestError(
            "this is no pod with a service account", hint="outside of a cluster name a kubeconfig, as with KUBECONFIG."
        )
    host, namespace = environment[_HOST], folder / "namespace"
    return ClusterAccess(
        url=f"https://{f'[{host}]' if ':' in host else host}:{environment.get(_PORT, '443')}",
        namespace=namespace.read_text(encoding="utf-8").strip() if namespace.is_file() else "default",
        tls=trusting(str(folder / "ca.crt")),
        credential=TokenFile(folder / "token"),
    )
