"""Reads kubeconfig files: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from modelway.errors import InvalidRequestError

_LARGEST = 4 * 1024 * 1024


class ClusterEntry(msgspec.Struct, rename="kebab"):
    """An API server and whom to trust there."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class ExecVariable(msgspec.Struct):
    """A variable a plugin gets."""

    name: str
    value: str


class ExecEntry(msgspec.Struct, rename="camel"):
    """A program that prints a credential."""

    command: str
    api_version: str = ""
    args: list[str] | None = None
    env: list[ExecVariable] | None = None


class UserEntry(msgspec.Struct, rename="kebab"):
    """As whom to ask."""

    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    username: str = ""
    password: str = ""
    exec: ExecEntry | None = None
    auth_provider: Any = None
    impersonate: str = msgspec.field(default="", name="as")


class ContextEntry(msgspec.Struct):
    """A cluster with a user and a namespace."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: ClusterEntry


class _NamedUser(msgspec.Struct):
    name: str
    user: UserEntry | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: ContextEntry


class _File(msgspec.Struct, rename="kebab"):
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None
    current_context: str = ""


class Chosen(msgspec.Struct, frozen=True):
    """One context with what it names; `cluster_folder` and `user_folder` are what paths in them are relative to."""

    context: str
    namespace: str
    cluster: ClusterEntry
    user: UserEntry
    cluster_folder: Path
    user_folder: Path


def read_kubeconfig(paths: Sequence[Path], context: str = "") -> Chosen:
    """One context of the files, which are merged as kubectl does it: whoever says something first is right.

    Args:
        paths: Files that are not there are passed over, as long as one is.
        context: Its name; empty for the current one.

    Raises:
        InvalidRequestError: No file, no kubeconfig, or no such context; never with anything secret of its content.
    """
    files = [(path, _read(path)) for path in paths if path.is_file()]
    shown = ":".join(str(path) for path in paths)
    if not files:
        raise InvalidRequestError(f"there is no kubeconfig at {shown}", hint="name one, as with KUBECONFIG.")
    name = context or next((file.current_context for _, file in files if file.current_context), "")
    if not name:
        raise InvalidRequestError(f"{shown} has no current context", hint="name one: ?context=NAME")
    contexts = {each.name: each.context for _, file in reversed(files) for each in file.contexts or ()}
    clusters = {
        each.name: (each.cluster, path.parent) for path, file in reversed(files) for each in file.clusters or ()
    }
    users = {each.name: (each.user, path.parent) for path, file in reversed(files) for each in file.users or ()}
    found = contexts.get(name)
    if found is None:
        known = ", ".join(sorted(contexts)) or "none"
        raise InvalidRequestError(f"{shown} has no context {name!r}", hint=f"it has: {known[:300]}")
    if found.cluster not in clusters:
        raise InvalidRequestError(f"{shown}: context {name!r} names no cluster that is there")
    if found.user and found.user not in users:
        raise InvalidRequestError(f"{shown}: context {name!r} names no user that is there")
    cluster, cluster_folder = clusters[found.cluster]
    user, user_folder = users.get(found.user, (None, cluster_folder))
    return Chosen(
        context=name,
        namespace=found.namespace or "default",
        cluster=cluster,
        user=user or UserEntry(),
        cluster_folder=cluster_folder,
        user_folder=user_folder,
    )


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidRequestError(f"{path} is too large for a kubeconfig")
        return msgspec.convert(yaml.safe_load(path.read_bytes()) or {}, type=_File, strict=False)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError, RecursionError, ValueError):
        # Not chained: what is wrong may be shown with the line it is in, which may be a token.
        raise InvalidRequestError(f"{path} is not a kubeconfig", hint="check it with kubectl config view") from None
