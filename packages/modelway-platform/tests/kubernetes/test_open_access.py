"""Kubeconfigs of all kinds, good and bad; each credential is tried on a real API server."""

import base64
import json
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journeys.kubernetes_cluster import KubernetesCluster

from modelway.errors import InvalidRequestError, ModelwayError, UnavailableError
from modelway_platform.kubernetes.access import access_in_pod
from modelway_platform.kubernetes.api import ClusterApi
from modelway_platform.kubernetes.open_access import open_access
from modelway_platform.kubernetes.refusals import ApiRefusedError

WHO = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(user: Any = None, cluster: Any = None, name: str = "config", **more: Any) -> str:
        content: dict[str, Any] = {
            "clusters": [{"name": "c", "cluster": cluster or {"server": "http://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": dict[str, Any](user or {})}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        } | more
        (tmp_path / name).write_text(json.dumps(content))
        return str(tmp_path / name)

    return write


def plugin(folder: Path, status: dict[str, Any]) -> str:
    """A program that prints a credential, counting its runs."""
    script = folder / "plugin"
    said = json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})
    script.write_text(f"#!/bin/sh\necho run >>{folder}/runs\n[ -n \"$KUBERNETES_EXEC_INFO\" ] && echo '{said}'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return "./plugin"


async def _who(access: Any) -> str:
    """What the API server takes the asker for, by its own words when it refuses."""
    api = ClusterApi(access)
    try:
        await api.get("/api/v1/nodes")
    except ApiRefusedError as error:
        return f"{error.status} {error.message}"
    finally:
        await api.close()
    return "admin"


def _certificate(cluster: KubernetesCluster) -> tuple[dict[str, str], dict[str, str]]:
    """Carol's, by its files and as data."""
    certificate, key = cluster.authority.issue("carol", "carol")
    in_files = {"client-certificate": str(certificate), "client-key": str(key)}
    return in_files, {f"{n}-data": base64.b64encode(Path(p).read_bytes()).decode() for n, p in in_files.items()}


@pytest.mark.slow
async def test_every_credential_opens_a_real_api_server(kubernetes_cluster: KubernetesCluster, tmp_path: Path) -> None:
    cluster = kubernetes_cluster
    in_files, encoded = _certificate(cluster)
    (tmp_path / "token").write_text("test-admin-token\n")
    command = plugin(tmp_path, {"token": "test-admin-token"})
    execute = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(tmp_path / command), "args": ["x"]}
    expected: dict[str, tuple[dict[str, Any], ...]] = {
        "admin": ({"token": "test-admin-token"}, {"tokenFile": str(tmp_path / "token")}, {"exec": execute}),
        'User "carol"': (in_files, encoded),
        'User "system:anonymous"': ({}, {"username": "a", "password": "b"}),  # passwords are known to proxies alone
        "401": ({"token": "wrong"},),
    }
    for answer, users in expected.items():
        for user in users:
            path = cluster.write_kubeconfig("someone", user)
            assert answer in await _who(open_access({"KUBECONFIG": str(path)})), user


@pytest.mark.slow
async def test_a_plugin_is_asked_again_only_when_its_token_ends_or_is_refused(
    kubernetes_cluster: KubernetesCluster, tmp_path: Path
) -> None:
    def runs() -> int:
        return len((tmp_path / "runs").read_text().splitlines())

    for token, ends, wanted in (
        ("test-admin-token", "2099-01-01T00:00:00Z", 1),
        ("test-admin-token", "2001-01-01T00:00:00Z", 3),
        ("wrong", "2099-01-01T00:00:00Z", 3),
    ):
        (tmp_path / "runs").write_text("")
        command = plugin(tmp_path, {"token": token, "expirationTimestamp": ends})
        execute = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(tmp_path / command)}
        path = kubernetes_cluster.write_kubeconfig("someone", {"exec": execute})
        access = open_access({"KUBECONFIG": str(path)})
        for _ in range(3):
            await _who(access)
        assert runs() == wanted


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, "no token"),
        ({"clientCertificateData": "x"}, "no token"),
        ("nonsense", "no ExecCredential"),
    ],
)
async def test_plugins_that_fail_are_named_and_not_quoted(
    write: Callable[..., str], tmp_path: Path, status: Any, said: str
) -> None:
    execute = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": plugin(tmp_path, status)}
    access = open_access({"KUBECONFIG": write({"exec": execute})})
    with pytest.raises(UnavailableError, match=said) as failed:
        await access.credential.headers()
    assert "nonsense" not in str(failed.value)


async def test_plugins_that_are_not_there_or_end_badly(write: Callable[..., str]) -> None:
    version = "client.authentication.k8s.io/v1"
    for command, args, said in (("./none", [], "No such file"), ("false", [], "status 1")):
        execute: dict[str, Any] = {"apiVersion": version, "command": command, "args": args}
        access = open_access({"KUBECONFIG": write({"exec": execute})})
        with pytest.raises(UnavailableError, match=said):
            await access.credential.headers()


async def test_a_token_file_that_is_gone_is_said(tmp_path: Path, write: Callable[..., str]) -> None:
    access = open_access({"KUBECONFIG": write({"tokenFile": "token"})})
    (tmp_path / "token").write_text("one")
    assert await access.credential.headers() == {"Authorization": "Bearer one"}
    (tmp_path / "token").write_text("two\n")
    assert await access.credential.headers() == {"Authorization": "Bearer two"}
    (tmp_path / "token").unlink()
    with pytest.raises(UnavailableError, match="cannot be read"):
        await access.credential.headers()


def test_files_are_merged_and_the_first_is_right(write: Callable[..., str]) -> None:
    first = write(name="first", clusters=None, cluster={}, users=[{"name": "u", "user": {"token": "first"}}])
    second = write({"token": "second"}, {"server": "http://127.0.0.1:2"}, name="second")
    access = open_access({"KUBECONFIG": f"{first}:{second}:/nowhere/config"})
    assert access.url == "http://127.0.0.1:2"
    assert "first" not in repr(access)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"current-context": ""}, "no current context"),
        ({"current-context": "y"}, "no context 'y'"),
        ({"contexts": [{"name": "x", "context": {"cluster": "d"}}]}, "names no cluster"),
        ({"contexts": [{"name": "x", "context": {"cluster": "c", "user": "v"}}]}, "names no user"),
        ({"cluster": {"server": "ftp://x"}}, "no API server's URL"),
        ({"cluster": {"server": "http://x", "proxy-url": "http://p"}}, "proxy-url is not supported"),
        ({"cluster": {"server": "https://x", "tls-server-name": "y"}}, "tls-server-name is not supported"),
        ({"cluster": {"server": "https://x", "certificate-authority-data": "%"}}, "cannot be used"),
        ({"cluster": {"server": "https://x", "certificate-authority": "/nowhere"}}, "cannot be used"),
        ({"user": {"as": "root"}}, "as is not supported"),
        ({"user": {"auth-provider": {"name": "gcp"}}}, "auth-provider is not supported"),
        ({"user": {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v9"}}}, "v9"),
        ({"users": [{"user": {"token": "secret-word"}}]}, "not a kubeconfig"),
        ({"clusters": "secret-word"}, "not a kubeconfig"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_showing_it(
    write: Callable[..., str], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequestError, match=said) as refused:
        open_access({"KUBECONFIG": write(**change)})
    assert "secret-word" not in f"{refused.value.message}{refused.value.hint}{refused.value.__cause__}"


def test_what_is_no_yaml_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"a: [secret-word\n\xff")
    for path in ("bad", "none"):
        with pytest.raises(ModelwayError) as refused:
            open_access({"KUBECONFIG": str(tmp_path / path)})
        assert "secret-word" not in str(refused.value)
    with pytest.raises(InvalidRequestError, match="no pod"):
        access_in_pod({}, tmp_path)


def test_skipping_verification_is_as_the_file_says(write: Callable[..., str]) -> None:
    cluster = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}
    access = open_access({"KUBECONFIG": write(cluster=cluster)})
    assert access.tls is not None
    assert access.tls.verify_mode is ssl.CERT_NONE
    assert open_access({"KUBECONFIG": write(cluster={"server": "https://127.0.0.1:1"})}).tls.verify_mode  # type: ignore[union-attr]
