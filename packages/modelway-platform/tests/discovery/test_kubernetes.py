"""Kubernetes itself, killed and paused, its own controllers, accounts with few rights, and servers that say odd things."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio
import yaml
from journeys.kubernetes_cluster import KubernetesCluster, missing

from modelway.errors import InvalidRequestError
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.endpoint_slices import Slice, served
from modelway_platform.discovery.kubernetes import KubernetesFollower
from modelway_platform.discovery.kubernetes_address import Followed, read_address
from modelway_platform.discovery.providers import read_providers
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.kubernetes.access import ClusterAccess
from modelway_platform.kubernetes.api import ClusterApi
from modelway_platform.kubernetes.open_access import open_access
from modelway_platform.kubernetes.refusals import ApiRefusedError, is_expired

if TYPE_CHECKING:
    from conftest import Kubernetes

V1 = VersionKey("vision", "digits", "v1")
ONE = Endpoint(id="digits-1", key=V1, host="127.0.0.1", port=9001)
TWO = Endpoint(id="digits-2", key=V1, host="127.0.0.1", port=9002)
LABELS = {"modelway/project": "vision", "modelway/model": "digits", "modelway/version": "v1"}
GUIDE = Path(__file__).resolve().parents[4] / "docs" / "discovery.md"


@pytest_asyncio.fixture
async def provider(
    kubernetes_cluster: KubernetesCluster, kubernetes: "Callable[[KubernetesCluster], Kubernetes]"
) -> "AsyncIterator[Kubernetes]":
    made = kubernetes(kubernetes_cluster)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[KubernetesCluster]:
    if missing():
        pytest.skip(f"Kubernetes is not installed: {missing()}")
    cluster = KubernetesCluster(tmp_path)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.mark.slow
async def test_an_api_server_that_is_paused_killed_and_started_again_costs_nobody(
    own_cluster: KubernetesCluster, kubernetes: "Callable[[KubernetesCluster], Kubernetes]"
) -> None:
    provider = kubernetes(own_cluster)
    await provider.open()
    api = ClusterApi(open_access({"KUBECONFIG": str(own_cluster.kubeconfig)}))
    try:
        for each in (ONE, TWO):
            await provider.join(each)
        await provider.until("digits-1", "digits-2")
        told = provider.told
        own_cluster.pause_api_server()
        await asyncio.sleep(0.5)
        own_cluster.resume_api_server()
        own_cluster.kill_api_server()
        await asyncio.sleep(0.5)
        assert {each.id for each in provider.leases.endpoints()} == {"digits-1", "digits-2"}
        await asyncio.to_thread(own_cluster.start_api_server)
        # What it remembers begins anew: a watch that goes on from long ago is told so.
        with pytest.raises(ApiRefusedError) as refused:
            async for _ in api.watch(provider.slices, "1"):
                pass
        assert is_expired(refused.value)
        assert provider.told == told
        await provider.leave(ONE)  # and it is followed again
        await provider.until("digits-2", seconds=60)
    finally:
        own_cluster.resume_api_server()
        await provider.close()
        await api.close()


@pytest.mark.slow
async def test_pods_behind_a_service_are_found_by_their_names_and_leave_when_they_are_deleted(
    provider: "Kubernetes",
) -> None:
    base, node = f"/api/v1/namespaces/{provider.namespace}", f"node-{provider.namespace}"
    await provider.ask("POST", "/api/v1/nodes", {"metadata": {"name": node}})
    ports = [{"name": "http", "port": 9000, "appProtocol": "http"}, {"name": "grpc", "port": 9001}]
    service = {"metadata": {"name": "digits", "labels": LABELS}, "spec": {"selector": LABELS, "ports": ports}}
    await provider.ask("POST", f"{base}/services", {"apiVersion": "v1", "kind": "Service", **service})
    for number in (1, 2):
        name = f"digits-{number}"
        container = {"name": "model", "image": "digits"}
        pod = {"metadata": {"name": name, "labels": LABELS}, "spec": {"containers": [container], "nodeName": node}}
        await provider.ask("POST", f"{base}/pods", {"apiVersion": "v1", "kind": "Pod", **pod})
        await _say(provider, name, f"10.77.1.{number}", ready=True)
    await provider.until("digits-1", "digits-2", seconds=60)
    assert provider.leases.endpoints()[0] == Endpoint(
        id="digits-1", key=V1, host="10.77.1.1", port=9000, grpc_port=9001
    )
    await _say(provider, "digits-1", "10.77.1.1", ready=False)
    await provider.until("digits-2", seconds=60)
    await _say(provider, "digits-1", "10.77.1.1", ready=True)
    await provider.until("digits-1", "digits-2", seconds=60)
    await provider.ask("DELETE", f"{base}/pods/digits-2?gracePeriodSeconds=0")
    await provider.until("digits-1", seconds=60)


async def _say(provider: "Kubernetes", pod: str, address: str, *, ready: bool) -> None:
    """What a node's kubelet reports."""
    conditions = [{"type": "Ready", "status": str(ready)}]
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": conditions}
    path = f"/api/v1/namespaces/{provider.namespace}/pods/{pod}/status"
    await provider.ask("PATCH", path, {"status": status}, content_type="application/merge-patch+json")


@pytest.mark.slow
async def test_what_others_label_alike_is_checked(provider: "Kubernetes") -> None:
    odd: tuple[dict[str, Any], ...] = (
        {"labels": {**LABELS, "modelway/project": "Admin"}},
        {"labels": {**LABELS, "modelway/model": ""}},
        {"ports": []},
        {"ports": [{"name": "metrics", "port": 9000}]},
        {"endpoints": []},
    )
    for number, change in enumerate(odd):
        body = provider.slice_of(ONE)
        body["metadata"] = {"name": f"odd-{number}", "labels": change.get("labels", LABELS)}
        body |= {name: value for name, value in change.items() if name != "labels"}
        await provider.ask("POST", provider.slices, body)
    plain = provider.slice_of(TWO) | {"ports": [{"port": 9200}]}
    await provider.ask("POST", provider.slices, plain)
    await provider.until("digits-2")
    assert provider.leases.endpoints()[0].port == 9200


@pytest.mark.slow
async def test_an_account_of_a_pod_needs_the_role_of_the_guide_and_no_more(
    provider: "Kubernetes", kubernetes_cluster: KubernetesCluster, tmp_path: Path
) -> None:
    accounts = f"/api/v1/namespaces/{provider.namespace}/serviceaccounts"
    await provider.ask("POST", accounts, {"metadata": {"name": "modelway"}})
    async with asyncio.timeout(60):
        while not (named := (await provider.ask("GET", f"{accounts}/modelway")).get("secrets")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    secret = await provider.ask("GET", f"/api/v1/namespaces/{provider.namespace}/secrets/{named[0]['name']}")
    for name in ("token", "ca.crt", "namespace"):
        (tmp_path / name).write_bytes(base64.b64decode(secret["data"][name]))
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(kubernetes_cluster.port)}
    access = open_access(environment, pod=tmp_path)
    assert access.namespace == provider.namespace
    api = ClusterApi(access)
    try:
        with pytest.raises(ApiRefusedError) as refused:
            await api.list(provider.slices)
        assert (refused.value.status, "Role" in refused.value.hint) == (403, True)
        for document in _documents_of_the_guide():
            kind = document["kind"].lower() + "s"
            document["metadata"]["namespace"] = provider.namespace
            for subject in document.get("subjects", ()):
                subject["namespace"] = provider.namespace
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{provider.namespace}/{kind}"
            await provider.ask("POST", path, document)
        await provider.join(ONE)
        leases = Leases()
        following = asyncio.create_task(KubernetesFollower(Followed(access=access), leases).run())
        async with asyncio.timeout(60):
            while not leases.endpoints():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.02)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        with pytest.raises(ApiRefusedError):
            await api.get(f"/api/v1/namespaces/{provider.namespace}/secrets")
    finally:
        await api.close()


def _documents_of_the_guide() -> list[dict[str, Any]]:
    """The Role and its binding, as the guide shows them."""
    text = GUIDE.read_text().split("```yaml\napiVersion: rbac", 1)[1].split("```", 1)[0]
    return list(yaml.safe_load_all("apiVersion: rbac" + text))


@asynccontextmanager
async def scripted(*answers: tuple[int, list[Any]]) -> AsyncGenerator[tuple[ClusterAccess, list[str]]]:
    """An API server that gives these answers in turn, the last one for ever, each as lines of JSON; and what it was asked."""
    asked: list[str] = []
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            if "/endpointslices" not in target:
                status, lines = 200, [{"versions": [{"version": "v1"}]}]
            else:
                asked.append(target.partition("?")[2])
                status, lines = left.pop(0) if len(left) > 1 else left[0]
            body = b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
            writer.write(
                f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield ClusterAccess(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", namespace="models"), asked
    finally:
        server.close()


def _listed(version: str, *names: str, more: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version, "continue": more}, "items": [_slice(name) for name in names]}


def _slice(name: str, **conditions: bool) -> dict[str, Any]:
    port = 9000 + int(name.rpartition("-")[2])
    target = {"kind": "Pod", "name": name}
    return {
        "metadata": {"name": name, "resourceVersion": "20", "labels": LABELS},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": conditions, "targetRef": target}],
        "ports": [{"name": "http", "port": port}],
    }


NOTHING: tuple[int, list[Any]] = (200, [])
GONE: dict[str, Any] = {
    "kind": "Status",
    "code": 410,
    "reason": "Expired",
    "message": "too old resource version: 10 (300)",
}
ENDED: dict[str, Any] = {"kind": "Status", "code": 500, "message": "etcd is away\n\x1b[2Jand more"}


async def _follow(access: ClusterAccess, until: Callable[[Leases], bool]) -> Leases:
    leases = Leases()
    following = asyncio.create_task(KubernetesFollower(Followed(access=access, selector="team=a"), leases).run())
    try:
        async with asyncio.timeout(30):
            while not until(leases):  # noqa: ASYNC110 - what is waited for changes by itself
                await asyncio.sleep(0.01)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return leases


def _ids(leases: Leases) -> set[str]:
    return {each.id for each in leases.endpoints()}


@pytest.mark.parametrize("gone", [(200, [{"type": "ERROR", "object": GONE}]), (410, [GONE])])
async def test_after_a_place_that_is_forgotten_all_is_listed_anew(gone: tuple[int, list[Any]]) -> None:
    watched = [
        {"type": "ADDED", "object": _slice("digits-2")},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "30"}}},
    ]
    answers = ((200, [_listed("10", "digits-1")]), (200, watched), gone, (200, [_listed("300", "digits-3")]), NOTHING)
    async with scripted(*answers) as (access, asked):
        await _follow(access, lambda leases: _ids(leases) == {"digits-3"})
    assert "resourceVersion=10&" in asked[1]
    assert "resourceVersion=30&" in asked[2]  # the bookmark's
    assert "watch" not in asked[3]
    assert all("modelway%2Fversion%2Cteam%3Da" in each for each in asked)


async def test_pages_that_expire_in_mid_list_are_begun_again() -> None:
    answers = (
        (200, [_listed("10", "digits-1", more="next")]),
        (410, [GONE]),
        (200, [_listed("11", "digits-1", more="next")]),
        (200, [_listed("11", "digits-2")]),
        NOTHING,
    )
    async with scripted(*answers) as (access, asked):
        await _follow(access, lambda leases: _ids(leases) == {"digits-1", "digits-2"})
    assert "continue=next" in asked[3]


async def test_whatever_else_is_said_nobody_is_forgotten_and_it_is_followed_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = (
        (200, [_listed("10", "digits-1")]),
        (200, [{"type": "ERROR", "object": ENDED}]),
        (200, [b"<html>"]),
        (503, [b"no"]),
        (200, [_listed("10", "digits-1")]),
        (200, [b'{"type": "ADDED", "object": ' + b"[" * 5000]),
        (200, [_listed("11", "digits-1", "digits-2")]),
        NOTHING,
    )
    async with scripted(*answers) as (access, _):
        leases = await _follow(access, lambda leases: "digits-2" in _ids(leases))
    assert _ids(leases) == {"digits-1", "digits-2"}
    assert "etcd is away" in caplog.text
    assert "\x1b" not in caplog.text


async def test_a_server_that_lost_its_memory_takes_nobody_with_it() -> None:
    answers = (
        (200, [_listed("500", "digits-1", "digits-2")]),
        (410, [GONE]),
        (200, [_listed("3", "digits-2")]),
        NOTHING,
    )
    async with scripted(*answers) as (access, asked):
        leases = await _follow(access, lambda _: len(asked) > 4)
    assert _ids(leases) == {"digits-1", "digits-2"}  # doubted, and kept until its lease ends


def test_conditions_mean_what_kubernetes_says() -> None:
    def ids(**conditions: bool) -> tuple[set[str], frozenset[str]]:
        found = served([msgspec.convert(_slice("digits-1", **conditions), Slice)])
        return {each.id for each in found.ready}, found.unready

    here: set[str] = {"digits-1"}
    assert ids() == (here, frozenset())
    assert ids(ready=True, serving=True) == (here, frozenset())
    assert ids(ready=False, serving=False) == (set(), frozenset(here))
    assert ids(ready=False, serving=True, terminating=True) == (set(), frozenset())
    assert ids(ready=True, terminating=True) == (set(), frozenset())


def test_one_that_moves_between_slices_is_ready_if_it_is_so_in_one() -> None:
    slices = [msgspec.convert(_slice("digits-1", ready=ready), Slice) for ready in (False, True)]
    found = served(slices)
    assert ([each.id for each in found.ready], found.unready) == (["digits-1"], frozenset())


def test_addresses_are_read_strictly(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    context = {"name": "a", "context": {"cluster": "c", "namespace": "own"}}
    clusters = [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}]
    kubeconfig.write_text(json.dumps({"clusters": clusters, "contexts": [context], "current-context": "a"}))
    environment = {"KUBECONFIG": str(kubeconfig)}
    found = read_address("kubernetes://models?selector=team%3Dvision", environment)
    assert (found.access.url, found.access.namespace, found.selector) == ("http://127.0.0.1:1", "models", "team=vision")
    assert read_address("kubernetes://", environment).access.namespace == "own"
    assert read_address(f"kubernetes://?context=a&kubeconfig={kubeconfig}", {}).access.namespace == "own"
    both = {"MODELWAY_DISCOVERY": "consul://c:1, kubernetes://models", **environment}
    assert read_providers(both).kubernetes == read_address("kubernetes://models", environment)
    for wrong in (
        "kubernetes://a/b",
        "kubernetes://a:1",
        "kubernetes://u@a",
        "kubernetes://A",
        "kubernetes://a?x=1",
        "kubernetes://a?selector",
        "kubernetes://a?selector=",
        "kubernetes://a?selector=a&selector=b",
        "kubernetes://a?context=b",
        "kubernetes://a#x",
        "kubernetes://a, kubernetes://b",
    ):
        with pytest.raises(InvalidRequestError):
            read_providers({"MODELWAY_DISCOVERY": wrong, **environment})
    with pytest.raises(InvalidRequestError, match="no kubeconfig"):
        read_providers({"MODELWAY_DISCOVERY": "kubernetes://a", "HOME": str(tmp_path)})
