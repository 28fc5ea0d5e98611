"""From a kubeconfig, or from what a pod is given, to the access to a cluster."""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from modelway.errors import InvalidRequestError
from modelway_platform.kubernetes.access import POD_FOLDER, ClusterAccess, access_in_pod, is_in_pod
from modelway_platform.kubernetes.credentials import Credential, FixedHeaders, TokenFile, basic, bearer, exec_plugin
from modelway_platform.kubernetes.kubeconfig import Chosen, ExecEntry, UserEntry, read_kubeconfig

KUBECONFIG = "KUBECONFIG"


def open_access(
    environment: Mapping[str, str], *, kubeconfig: str = "", context: str = "", pod: Path = POD_FOLDER
) -> ClusterAccess:
    """The access that is meant: the file named, else KUBECONFIG, else this pod's own, else `~/.kube/config`.

    Args:
        environment: Of this process.
        kubeconfig: A file's path.
        context: One of the file's; empty for its current one.
        pod: Where pods find their service account.

    Raises:
        InvalidRequestError: There is none, or it asks for what is not supported.
    """
    if not kubeconfig and not context and not environment.get(KUBECONFIG) and is_in_pod(environment, pod):
        return access_in_pod(environment, pod)
    named = kubeconfig or environment.get(KUBECONFIG, "")
    home = Path(environment.get("HOME", "/")) / ".kube" / "config"
    paths = [Path(each).expanduser() for each in named.split(os.pathsep) if each] or [home]
    return _access_of(read_kubeconfig(paths, context))


def _access_of(chosen: Chosen) -> ClusterAccess:
    cluster, user = chosen.cluster, chosen.user
    for name, value in (
        ("tls-server-name", cluster.tls_server_name),
        ("proxy-url", cluster.proxy_url),
        ("auth-provider", user.auth_provider),
        ("as", user.impersonate),
    ):
        if value:
            raise InvalidRequestError(f"context {chosen.context!r} of the kubeconfig: {name} is not supported")
    if not cluster.server.startswith(("http://", "https://")):
        raise InvalidRequestError(f"context {chosen.context!r} of the kubeconfig names no API server's URL")
    secure = cluster.server.startswith("https://")
    return ClusterAccess(
        url=cluster.server,
        namespace=chosen.namespace,
        tls=_tls(chosen) if secure else None,
        credential=_credential(user, chosen),
    )


def _credential(user: UserEntry, chosen: Chosen) -> Credential:
    """Token before plugin before password, as kubectl has it."""
    if user.token_file:
        return TokenFile(chosen.user_folder / user.token_file)
    if user.token:
        return bearer(user.token)
    if user.exec is not None:
        return _plugin(user.exec, chosen)
    if user.username:
        return basic(user.username, user.password)
    return FixedHeaders()


def _plugin(entry: ExecEntry, chosen: Chosen) -> Credential:
    # A command with a slash is relative to the file, one without is looked for on PATH.
    command = str(chosen.user_folder / entry.command) if "/" in entry.command else entry.command
    variables = {each.name: each.value for each in entry.env or ()}
    plugin = exec_plugin((command, *(entry.args or ())), variables, entry.api_version, chosen.user_folder)
    if plugin is None:
        raise InvalidRequestError(
            f"context {chosen.context!r} of the kubeconfig: plugins that speak {entry.api_version[:80]!r} are not supported",
            hint="client.authentication.k8s.io/v1 and v1beta1 are",
        )
    return plugin


def _tls(chosen: Chosen) -> ssl.SSLContext:
    cluster, user = chosen.cluster, chosen.user
    try:
        data = _decoded(cluster.certificate_authority_data)
        file = chosen.cluster_folder / cluster.certificate_authority if cluster.certificate_authority else None
        context = ssl.create_default_context(
            cafile=None if data or file is None else str(file), cadata=data.decode("ascii") or None
        )
        if cluster.insecure_skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        _load_own(context, user, chosen.user_folder)
    except (OSError, ValueError) as error:  # an SSLError is an OSError, bad base64 a ValueError
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise InvalidRequestError(
            f"context {chosen.context!r} of the kubeconfig: a certificate or key cannot be used: {why}"
        ) from None
    return context


def _load_own(context: ssl.SSLContext, user: UserEntry, folder: Path) -> None:
    """The client certificate; the standard library reads it from files alone, so that data lies in one for a moment."""
    if not user.client_certificate and not user.client_certificate_data:
        return
    with tempfile.TemporaryDirectory(prefix="modelway-") as place:  # mode 700
        certificate, key = folder / user.client_certificate, folder / user.client_key
        if user.client_certificate_data:
            certificate = Path(place) / "certificate"
            certificate.write_bytes(_decoded(user.client_certificate_data))
        if user.client_key_data:
            key = Path(place) / "key"
            key.touch(mode=0o600)
            key.write_bytes(_decoded(user.client_key_data))
        context.load_cert_chain(certificate, key if user.client_key or user.client_key_data else None)


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
