"""One contract for all operators: what they start runs, what ends is told with its reason, and nothing is left behind."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from journeys.container_bench import IMAGE, SECRET, ContainerBench, Engine, running_engine
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.operator_benches import Bench, KubernetesBench, ProcessBench, trouble_of
from journeys.slurm_bench import SlurmBench
from journeys.slurm_cluster import SlurmCluster
from journeys.stand_in import STAND_IN

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.containers.container_secrets import INSIDE
from modelway_platform.deploy.operators.pods import pod_state
from modelway_platform.deploy.operators.port import Operator, ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.deployments.volumes import Volume
from modelway_platform.domain.identity import VersionKey

pytestmark = [pytest.mark.slow]


# Podman's service speaks the same API as Docker's, more slowly: `make test-operators` tries it, too.
OPERATORS = (
    "process",
    "docker",
    *(("podman",) if os.environ.get("MODELWAY_TEST_PODMAN") else ()),
    "kubernetes",
    "slurm",
)


@pytest.fixture(scope="module")
def docker_engine() -> Iterator[Engine]:
    with running_engine("docker", STAND_IN) as engine:
        yield engine


@pytest.fixture(scope="module")
def podman_engine() -> Iterator[Engine]:
    with running_engine("podman", STAND_IN) as engine:
        yield engine


@pytest_asyncio.fixture(params=OPERATORS)
async def bench(
    request: pytest.FixtureRequest, tmp_path: Path, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[Bench]:
    made: Bench
    match request.param:
        case "process":
            made = ProcessBench(tmp_path, launch)
        case "slurm":
            made = SlurmBench(request.getfixturevalue("slurm_cluster"), tmp_path, launch)
        case "docker" | "podman":
            made = ContainerBench(request.getfixturevalue(f"{request.param}_engine"), tmp_path)
        case _:
            made = KubernetesBench(request.getfixturevalue("kubernetes_cluster"), tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def spec(spec: Callable[..., ReplicaSpec]) -> Callable[..., ReplicaSpec]:
    def make(replica_id: str = "digits-1", mode: str = "serve") -> ReplicaSpec:
        return replace(spec(replica_id, mode), cluster="k8s", environment=IMAGE, drain_seconds=0)

    return make


async def test_what_is_started_runs_and_ends_when_it_is_asked_to(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    assert await operator.start(spec())
    await bench.when(lambda: bench.running() == {"digits-1"})
    assert operator.observe()["digits-1"].exited_at is None
    operator.stop("digits-1", 5)
    assert (await bench.ended(operator, "digits-1")).startswith("exited with status 0")
    await bench.when(lambda: "digits-1" in bench.told)
    operator.forget("digits-1")
    assert "digits-1" not in operator.observe()
    await bench.when(lambda: not bench.running())


async def test_who_does_not_want_to_leave_is_ended(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    await operator.start(spec(mode="stubborn"))
    await bench.when(lambda: bench.running() == {"digits-1"})
    operator.stop("digits-1", 0)
    operator.stop("digits-1", 0)  # asking twice is asking once
    assert (await bench.ended(operator, "digits-1")).startswith("was killed by signal 9 (SIGKILL)")


async def test_a_crash_is_told_with_its_last_words_and_it_can_be_started_again(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    await operator.start(spec(mode="crash"))
    assert await bench.fell(operator, "digits-1") == "exited with status 3: ValueError: the model is broken"
    await bench.when(lambda: "digits-1" in bench.told)
    await operator.start(spec())
    assert operator.observe()["digits-1"].exited_at is None
    await bench.when(lambda: bench.running() == {"digits-1"})


async def test_a_kill_from_outside_is_told_as_one(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    for name in ("digits-1", "digits-2"):
        await operator.start(spec(name))
    await bench.when(lambda: bench.running() == {"digits-1", "digits-2"})
    bench.kill("digits-1")
    assert (await bench.fell(operator, "digits-1")).startswith("was killed by signal 9 (SIGKILL)")
    assert operator.observe()["digits-2"].exited_at is None
    if bench.starts_again:
        await bench.when(lambda: bench.running() == {"digits-1", "digits-2"})
        assert operator.observe()["digits-1"].run.endswith(":1")


async def test_the_next_control_adopts_what_runs_and_ends_what_nobody_knows(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    first = await bench.operator()
    placements = {name: await first.start(spec(name)) for name in ("known", "unrecorded", "stranger", "fallen")}
    await bench.when(lambda: bench.running() == set(placements))
    first.close()
    await asyncio.sleep(0)
    bench.kill("fallen")
    stays = {"known", "unrecorded", *(("fallen",) if bench.starts_again else ())}
    if bench.starts_again:  # while there is no control
        await bench.when(lambda: "restarted" in bench.told_by_cluster("fallen"))
    await bench.when(lambda: bench.running() == stays | {"stranger"})
    second = bench.make()
    recorded: dict[str, Any] = {
        "known": placements["known"],
        "fallen": placements["fallen"],
        "unrecorded": {},
        "never-started": {},
    }
    found = await second.adopt(recorded)
    await bench.when(lambda: bench.running() == stays)
    assert await bench.fell(second, "fallen")
    assert {"known", "unrecorded"} <= found.keys()
    assert found["known"] == placements["known"]
    assert "never-started" not in second.observe()
    assert second.observe()["known"].exited_at is None
    await _starting_what_runs_finds_it(second, bench, spec)
    bench.kill("known")
    assert await bench.fell(second, "known")


async def test_scaling_up_and_down_touches_only_what_it_is_about(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    names = [f"digits-{number}" for number in range(3)]
    await asyncio.gather(*(operator.start(spec(name)) for name in names))
    await bench.when(lambda: bench.running() == set(names))
    operator.stop(names[1], 5)
    assert (await bench.ended(operator, names[1])).startswith("exited with status 0")
    operator.forget(names[1])
    await bench.when(lambda: bench.running() == {names[0], names[2]})
    assert [operator.observe()[name].exited_at for name in (names[0], names[2])] == [None, None]


async def test_a_rolling_update_never_has_fewer_than_declared(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    for name in ("old-1", "old-2"):
        await operator.start(spec(name))
    await bench.when(lambda: bench.running() == {"old-1", "old-2"})
    for number in (1, 2):
        await operator.start(replace(spec(f"new-{number}"), env={"MODE": "serve", "REVISION": "2"}))
        await bench.when(lambda number=number: f"new-{number}" in bench.running())
        assert len(await asyncio.to_thread(bench.running)) == 3
        operator.stop(f"old-{number}", 5)
        await bench.ended(operator, f"old-{number}")
        operator.forget(f"old-{number}")
    await bench.when(lambda: bench.running() == {"new-1", "new-2"})
    await bench.when(lambda: set(bench.remains()) >= {"new-1", "new-2"} and "old-2" not in bench.remains())


async def test_an_image_or_environment_that_is_not_there_is_named(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    await operator.start(spec("good"))
    assert "missing.test" in await bench.refused(operator, bench.broken(spec("bad")))
    await bench.when(lambda: bench.running() == {"good"})


async def test_what_there_is_no_room_for_never_runs_and_says_why(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    if bench.no_limits:
        pytest.skip(bench.no_limits)
    operator = await bench.operator()
    await operator.start(spec("small"))
    why = await bench.refused(operator, bench.too_large(spec("large")))
    assert re.search("(?i)gpu|node configuration|no node has", why), why
    await bench.when(lambda: bench.running() == {"small"})


async def test_what_ran_on_a_lost_node_is_told_and_runs_again_elsewhere(
    bench: Bench, spec: Callable[..., ReplicaSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    if bench.no_second_node:
        pytest.skip(bench.no_second_node)
    monkeypatch.setattr(pod_state, "_GIVEN_UP_AFTER", 1.0)
    operator = await bench.operator()
    await operator.start(spec())
    await bench.when(lambda: bench.running() == {"digits-1"})
    await bench.lose_node("digits-1")
    await bench.when(lambda: bool(trouble_of(operator.observe()["digits-1"])))
    seen = operator.observe()["digits-1"]
    if seen.exited_at is None:  # the cluster itself starts it again
        assert bench.told_of_a_lost_node in trouble_of(seen)
        await bench.when(lambda: bench.running() == {"digits-1"}, seconds=90)
    else:
        assert "node" in seen.reason
        await operator.start(spec())  # in place of the one that nobody will ever report gone
        assert operator.observe()["digits-1"].exited_at is None


async def test_a_deletion_leaves_nothing(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    for name, mode in (("digits-1", "serve"), ("digits-2", "crash")):
        await operator.start(spec(name, mode))
    await bench.when(lambda: bench.running() == {"digits-1"})
    await bench.fell(operator, "digits-2")
    operator.stop("digits-1", 5)
    await bench.ended(operator, "digits-1")
    for name in ("digits-1", "digits-2"):
        operator.forget(name)
    assert not operator.observe()
    await bench.when(lambda: not bench.remains())


async def test_two_control_planes_do_not_touch_each_others_replicas(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    first = await bench.operator()
    await first.start(spec("digits-1"))
    await bench.when(lambda: bench.running() == {"digits-1"})
    with bench.another_platform():
        second = await bench.operator()  # which would end what is its own and nobody knows
        await second.start(spec("digits-2"))
        await bench.when(lambda: "digits-2" in bench.running())
        await asyncio.to_thread(second.tidy, ["digits-2"])
        assert set(second.observe()) == {"digits-2"}
        second.stop("digits-2", 5)
        await bench.ended(second, "digits-2")
        second.forget("digits-2")
    await asyncio.to_thread(first.tidy, ["digits-1"])
    await bench.when(lambda: "digits-1" in bench.running())
    assert first.observe()["digits-1"].exited_at is None
    assert set(first.observe()) == {"digits-1"}


async def _starting_what_runs_finds_it(operator: Operator, bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    """On clusters with names; a process is found by its mark when it is adopted."""
    if isinstance(bench, KubernetesBench | SlurmBench):
        await operator.start(spec("unrecorded"))
    assert "unrecorded" in bench.running()


@pytest_asyncio.fixture
async def kubernetes(
    kubernetes_cluster: KubernetesCluster, tmp_path: Path, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[KubernetesBench]:
    assert launch  # writes the stand-in
    made = KubernetesBench(kubernetes_cluster, tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


async def test_pods_are_found_by_their_service_and_the_service_goes_with_the_last(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    for name in ("digits-1", "digits-2"):
        await operator.start(spec(name))
    await kubernetes.when(lambda: _ids(kubernetes) == {"digits-1", "digits-2"})
    endpoint = kubernetes.leases.endpoints()[0]
    assert (str(endpoint.key), endpoint.port, endpoint.host[:8]) == ("vision/digits/v1", 8080, "10.77.2.")
    operator.stop("digits-1", 5)
    await kubernetes.when(lambda: _ids(kubernetes) == {"digits-2"})
    await kubernetes.ended(operator, "digits-1")
    operator.forget("digits-1")
    assert len(await asyncio.to_thread(_services, kubernetes)) == 1
    operator.stop("digits-2", 5)
    await kubernetes.ended(operator, "digits-2")
    operator.forget("digits-2")
    await kubernetes.when(lambda: not _services(kubernetes) and not kubernetes.ask("GET", "pods")["items"])


async def test_an_image_that_cannot_be_had_and_a_room_that_is_not_there_are_told_as_what_they_are(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    await operator.start(replace(spec("digits-1"), environment="missing.test/digits"))
    assert await kubernetes.ended(operator, "digits-1") == (
        "cannot be started: ErrImagePull: missing.test/digits: not found"
    )
    await operator.start(replace(spec("digits-2"), resources=Resources(cpus=0.5, memory=2**26, gpus=3)))
    await kubernetes.when(lambda: "waits for a node" in operator.observe()["digits-2"].waiting)
    assert "Insufficient nvidia.com/gpu" in operator.observe()["digits-2"].waiting
    assert operator.observe()["digits-2"].exited_at is None
    assert "digits-2" in kubernetes.told
    await operator.start(replace(spec("digits-3"), resources=Resources(cpus=0.5, memory=2**26, gpus=1)))
    await kubernetes.when(lambda: kubernetes.running() == {"digits-3"})


async def test_a_pod_that_others_delete_is_told_and_one_that_is_not_ours_is_left_alone(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    await operator.start(spec())
    await kubernetes.when(lambda: kubernetes.running() == {"digits-1"})
    first = operator.observe()["digits-1"]
    await asyncio.to_thread(kubernetes.ask, "DELETE", f"pods/{first.endpoint}", {"gracePeriodSeconds": 0})
    assert await kubernetes.fell(operator, "digits-1") == "its pod was deleted"
    await kubernetes.when(lambda: kubernetes.running() == {"digits-1"})
    again = operator.observe()["digits-1"]
    assert again.exited_at is None
    assert again.endpoint != first.endpoint
    assert again.run != first.run, "which is counted as a fall"
    strange = {"metadata": {"name": "digits-9"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    await asyncio.to_thread(kubernetes.ask, "POST", "pods", strange)
    await asyncio.to_thread(operator.tidy, ["digits-1"])
    names = {each["metadata"]["name"] for each in (await asyncio.to_thread(kubernetes.ask, "GET", "pods"))["items"]}
    assert "digits-9" in names


async def test_two_platforms_in_one_namespace_do_not_touch_each_other(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    first = await kubernetes.operator()
    await first.start(spec("digits-1"))
    kubernetes.instance = "another"
    second = await kubernetes.operator()
    await second.start(spec("digits-2"))
    await asyncio.to_thread(second.tidy, ["digits-2"])
    await kubernetes.when(lambda: kubernetes.running() == {"digits-1", "digits-2"})
    assert set(first.observe()) == {"digits-1"}
    assert len(await asyncio.to_thread(_services, kubernetes)) == 2


async def test_volumes_are_where_the_replica_is_told_and_hostile_ones_are_refused(
    bench: Bench, spec: Callable[..., ReplicaSpec], tmp_path: Path
) -> None:
    data, shared, link = tmp_path / "data", tmp_path / "everybody", tmp_path / "link"
    data.mkdir(mode=0o755)
    (data / "words").write_text("hello")
    shared.mkdir()
    shared.chmod(0o777)
    link.symlink_to("/etc")
    operator = await bench.operator()
    given = (
        Volume(name="data", kind="directory", source=str(data)),
        Volume(name="to-all", kind="directory", source=str(shared), path="/srv/all", read_only=False),
    )
    await operator.start(replace(spec(), volumes=given))
    await bench.when(lambda: bench.running() == {"digits-1"})
    seen = await asyncio.to_thread(seen_by, bench, "digits-1")
    assert seen == {"VOLUME_DATA": [["words"], bool(bench.not_kept_from_writing)], "VOLUME_TO_ALL": [[], True]}
    assert (shared / (operator.observe()["digits-1"].endpoint or "digits-1")).read_text() == "was here"
    if bench.no_look_at_directories:
        return
    for hostile, why in ((link, "symbolic link"), (tmp_path / "nowhere", "is not there"), (Path("/proc/1"), "nobody")):
        sly = replace(spec("sly"), volumes=(Volume(name="sly", kind="directory", source=str(hostile)),))
        with pytest.raises(ModelwayError, match=why) as refusal:
            await operator.start(sly)
        assert refusal.value.error_code == "volume_refused"
    await bench.when(lambda: bench.running() == {"digits-1"})


TOKEN = "mwr_of-a-version"
ENGINES = [each for each in OPERATORS if each in {"docker", "podman"}]


@pytest.mark.parametrize("bench", ENGINES, indirect=True)
async def test_an_engine_keeps_a_volume_for_a_project_and_forgets_scratch(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    given = (
        Volume(name="kept", kind="volume", source="cache", read_only=False),
        Volume(name="room", kind="scratch", size=2**24, read_only=False),
    )
    other = VersionKey("sound", "digits", "v1")
    for name, key in (("first", spec().key), ("second", spec().key), ("stranger", other)):
        await operator.start(replace(spec(name), key=key, volumes=given))
        await bench.when(lambda name=name: name in bench.running())
    assert seen_by(bench, "first") == {"VOLUME_KEPT": [[], True], "VOLUME_ROOM": [[], True]}
    assert seen_by(bench, "second") == {"VOLUME_KEPT": [["first"], True], "VOLUME_ROOM": [[], True]}
    assert seen_by(bench, "stranger")["VOLUME_KEPT"] == [[], True], "another project's volume is another"


@pytest.mark.parametrize("bench", ENGINES, indirect=True)
async def test_secrets_are_readable_inside_and_nowhere_shown(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    assert isinstance(bench, ContainerBench)
    hidden = replace(spec(), secrets={"DB_WORD": "database/word"})
    bench.records = RecordsWay(url="http://control.test:1", token_of=lambda key: f"{TOKEN}-{key}")
    first = bench.make()
    await first.adopt({})
    placement = await first.start(hidden)
    await bench.when(lambda: bench.running() == {"digits-1"})
    told = {"DB_WORD": SECRET, "MODELWAY_RECORDS_TOKEN": f"{TOKEN}-{hidden.key}"}
    assert json.loads(bench.read_inside("digits-1", INSIDE)) == told
    assert SECRET not in bench.shown()
    assert TOKEN not in bench.shown()
    assert "http://control.test:1" in bench.shown(), "which says where records go"
    assert "DB_WORD" not in bench.shown()
    assert SECRET not in bench.said("digits-1")
    first.close()  # the next control finds the container, and later takes away what it needed
    second = bench.make()
    await second.adopt({"digits-1": placement})
    await asyncio.to_thread(second.tidy, ["digits-1"])
    assert json.loads(bench.read_inside("digits-1", INSIDE)) == told
    assert bench.secrets_kept()
    second.stop("digits-1", 5)
    await bench.ended(second, "digits-1")
    second.forget("digits-1")
    await bench.when(lambda: not bench.secrets_kept())
    if bench.engine.name == "docker":  # Podman gives nameless volumes no labels
        with bench.engine.asked() as client:
            client.create_volume(name="anothers")
            await second.start(hidden)
            client.remove_container(bench.container("digits-1"), force=True, v=False)
            assert bench.secrets_kept()
            await asyncio.to_thread(second.tidy, ["digits-1"])
            assert not bench.secrets_kept()
            assert [each["Name"] for each in client.volumes()["Volumes"]] == ["anothers"]


def seen_by(bench: Bench, replica_id: str) -> Any:
    """What a replica found in each volume, and whether it could write there."""
    return json.loads(bench.said(replica_id).partition("seen ")[2].partition("\n")[0])


async def test_a_claim_that_is_not_there_keeps_a_pod_waiting_and_one_that_is_runs(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    claim = Volume(name="weights", kind="claim", source="weights")
    await operator.start(replace(spec(), volumes=(claim,)))
    await kubernetes.when(lambda: "weights" in operator.observe()["digits-1"].waiting)
    assert 'persistentvolumeclaim "weights" not found' in operator.observe()["digits-1"].waiting
    await asyncio.to_thread(_give_claim, kubernetes, "weights")
    given = (
        claim,
        Volume(name="room", kind="scratch", size=2**26, read_only=False),
        Volume(name="words", kind="configMap", source="words", path="/words"),
        Volume(name="keys", kind="secret", source="keys"),
    )
    await operator.start(replace(spec("digits-2"), volumes=given))
    await kubernetes.when(lambda: "digits-2" in kubernetes.running())
    pod = await asyncio.to_thread(kubernetes.pod, "digits-2")
    mounts = {each["mountPath"]: each.get("readOnly", False) for each in pod["spec"]["containers"][0]["volumeMounts"]}
    wanted = {"/volumes/weights": True, "/volumes/room": False, "/words": True, "/volumes/keys": True}
    assert mounts.items() >= wanted.items()
    limits = [each["emptyDir"].get("sizeLimit") for each in pod["spec"]["volumes"] if "emptyDir" in each]
    assert "64Mi" in limits


def _give_claim(bench: KubernetesBench, name: str) -> None:
    """A claim with a volume behind it, as an administrator makes both."""
    room = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    pv = f"{bench.namespace}-{name}"
    volume: dict[str, Any] = {
        "metadata": {"name": pv},
        "spec": {**room, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/srv"}},
    }
    volume["spec"]["claimRef"] = {"name": name, "namespace": bench.namespace}
    bench.cluster.ask("POST", "/api/v1/persistentvolumes", volume)
    wanted = {**room, "volumeName": pv, "resources": {"requests": {"storage": "1Gi"}}}
    bench.ask("POST", "persistentvolumeclaims", {"metadata": {"name": name}, "spec": wanted})
    bound = {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}}
    path = f"/api/v1/namespaces/{bench.namespace}/persistentvolumeclaims/{name}"
    merge = "application/merge-patch+json"
    bench.cluster.ask("PATCH", path, bound, content_type=merge)
    bench.cluster.ask("PATCH", f"{path}/status", {"status": {"phase": "Bound"}}, content_type=merge)


def _ids(bench: KubernetesBench) -> set[str]:
    ready = {each.id for each in bench.leases.endpoints()}
    return {name for name, seen in bench.made[0].observe().items() if seen.endpoint in ready}


def _services(bench: KubernetesBench) -> list[Any]:
    return bench.ask("GET", "services")["items"]


async def test_a_job_that_had_to_make_room_is_queued_again_and_comes_back(
    slurm_cluster: SlurmCluster,
    tmp_path: Path,
    launch: Callable[[ReplicaSpec], Launch],
    spec: Callable[..., ReplicaSpec],
) -> None:
    bench = SlurmBench(slurm_cluster, tmp_path, launch)
    try:
        operator = await bench.operator()
        await operator.start(spec())
        await bench.when(lambda: bench.running() == {"digits-1"})
        urgent = ("--parsable", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null")
        other = slurm_cluster.ask("sbatch", *urgent, "--wrap=sleep 600").strip()
        back = "was put back into the queue (restart 1)"
        await bench.when(lambda: back in operator.observe()["digits-1"].waiting)
        assert "digits-1" in bench.told, "the routes are told at once"
        await asyncio.to_thread(slurm_cluster.ask, "scancel", other)
        await bench.when(
            lambda: bench.running() == {"digits-1"}, seconds=100
        )  # Slurm itself would let it wait for 121 s
        await bench.when(lambda: operator.observe()["digits-1"].waiting == "")
    finally:
        await bench.close()
