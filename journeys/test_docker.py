"""Replicas as containers of a real Docker Engine, from images built without a daemon and pushed to a real registry."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journeys.docker_parts import Box, running_box
from journeys.load import Load
from journeys.projects import package, route, write_echo
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]
NAME = "boxed/echo/v1"
PATH = "/boxed/echo/v1/echo"
UPDATES = int(os.environ.get("MODELWAY_DOCKER_UPDATES", "1"))
WORD = "words-that-only-the-replica-knows"
# Says something else than its golden example promises where TONE is wrong, and tells a secret to whoever asks.
MOODY = """
import os
from modelway import Handler, inference

class Echo(Handler):
    def load(self) -> None:
        pass

    @inference
    def echo(self, text: str) -> str:
        if text == "word?":
            return os.environ.get("WORD", "none")
        return text.upper() if os.environ.get("TONE") == "wrong" else text
"""
EXAMPLES = '[{"endpoint": "echo", "request": {"text": "hello"}, "response": "hello"}]\n'


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with running_box() as running:
        yield running


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moody")
    project = write_echo(folder / "project")
    (project / "handler.py").write_text(MOODY, encoding="utf-8")
    (project / "examples.json").write_text(EXAMPLES, encoding="utf-8")
    return package(project, folder / "dist")


@pytest.fixture(scope="module")
def boxed(box: Box, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform with two replicas of one version in containers."""
    running = RunningPlatform(tmp_path_factory.mktemp("boxed"))
    running.options = (*running.options, "--control-host", "0.0.0.0")  # containers may send it records
    try:
        running.start()
        digest = running.upload(archive)
        running.apply(box.cluster(), document(digest), route("boxed/echo", {"v1": 1}, idempotent=True))
        running.wait_ready(NAME, seconds=180)
        running.wait_routed(PATH)
        yield running
    finally:
        running.destroy()


def document(digest: str, *, replicas: int = 2, **env: str) -> str:
    project, model, version = NAME.split("/")
    variables = ", ".join(f'{key}: "{value}"' for key, value in env.items())
    return (
        f"apiVersion: modelway/v1\nkind: Deployment\n"
        f"metadata: {{project: {project}, model: {model}, version: {version}}}\n"
        f'spec: {{package: "{digest}", cluster: box, replicas: {replicas}, env: {{{variables}}}, '
        "resources: {cpus: 2, memory: 256Mi}, drainSeconds: 5}\n"
    )


def digest_of(platform: RunningPlatform) -> str:
    found = platform.deployment(NAME)
    assert found is not None
    return str(found["spec"]["package"])


def conditions(platform: RunningPlatform) -> str:
    found = platform.deployment(NAME)
    assert found is not None
    return " ".join(each["message"] for each in found["status"]["conditions"])


def test_containers_run_within_bounds_and_every_phase_is_done(boxed: RunningPlatform, box: Box) -> None:
    with box.asked() as client:
        found: list[dict[str, Any]] = [client.api.inspect_container(each) for each in box.containers().values()]
    assert len(found) == 2
    for each in found:
        host, config = each["HostConfig"], each["Config"]
        assert (config["User"], host["ReadonlyRootfs"], host["CapDrop"]) == ("10001:10001", True, ["ALL"])
        assert (host["NanoCpus"], host["Memory"]) == (2_000_000_000, 256 * 1024**2)
        assert "no-new-privileges" in host["SecurityOpt"]
        assert [each.partition(":")[2] for each in host["Binds"]] == ["/var/log/modelway:rw"], (
            "and nothing else of here"
        )
        assert host["PortBindings"] in ({}, None), "nothing is published: the gateway reaches its network"
        assert not [name for name in config["Env"] if "TOKEN" in name or "KEY" in name]
    with boxed.control() as control:
        phases = control.phases(NAME)["items"]
    assert [run["state"] for run in phases] == ["Done"] * 8
    assert "layers new" in phases[2]["message"]
    assert "octets sent" in phases[3]["message"]
    assert boxed.cli("get", "clusters", "-o", "name").stdout == "cluster/box\n"
    refused = boxed.cli("delete", "cluster", "box", status=1)
    assert "cluster box still has 1 deployment(s)" in refused.stderr


def test_inferences_in_containers_are_on_record(boxed: RunningPlatform) -> None:
    def replicas_on_record() -> bool:
        said = boxed.cli("logs", NAME, "--source", "inference", "--tail", "500", "-o", "json").stdout
        return all(each["id"] in said for each in boxed.endpoints(NAME))

    boxed.wait_routed(PATH)
    wait_for("records of both", replicas_on_record)


def test_rolling_updates_under_load_fail_no_request(boxed: RunningPlatform, box: Box) -> None:
    digest = digest_of(boxed)
    with Load(lambda _: boxed.caller(), PATH, connections=4, pause=0.01) as load:
        for number in range(UPDATES):
            before = set(box.containers())
            boxed.apply(document(digest, TONE=f"calm {number}"))
            boxed.wait_ready(NAME, seconds=120)
            wait_for("old containers are gone", lambda: len(box.containers(running=False)) == 2)
            assert not before & set(box.containers())
    print(f"{UPDATES} rolling updates of containers under load: {load.summary()}")
    assert not load.failed, load.summary()


def test_a_secret_reaches_containers_and_their_engine_shows_nothing_of_it(boxed: RunningPlatform, box: Box) -> None:
    folder = boxed.home / "secrets" / "boxed" / "words"
    folder.mkdir(parents=True)
    (folder / "first").write_text(WORD + "\n")
    digest, before = digest_of(boxed), set(box.containers())
    boxed.apply(document(digest).replace("drainSeconds", "secrets: {WORD: words/first}, drainSeconds"))
    wait_for(
        "others", lambda: len(set(box.containers()) - before) == 2 and len(box.containers(running=False)) == 2, 120
    )
    boxed.wait_ready(NAME, seconds=120)

    async def ask() -> bytes:
        async with boxed.caller() as caller:
            return (await caller.post(PATH, b'{"text": "word?"}')).body

    assert json.loads(asyncio.run(ask())) == WORD
    with box.asked() as client:
        shown = json.dumps([client.api.inspect_container(each) for each in box.containers().values()])
        logs = b"".join(client.api.logs(each) for each in box.containers().values())
    assert WORD not in shown
    assert WORD.encode() not in logs
    assert WORD not in boxed.cli("get", "deployment", NAME, "-o", "json").stdout
    assert WORD.encode() not in (boxed.home / "modelway.db").read_bytes()
    boxed.apply(document(digest))
    wait_for("none keeps it", lambda: not [*boxed.home.glob("replicas/*/secrets.json")], 120)
    boxed.wait_ready(NAME, seconds=120)


def test_a_killed_container_is_replaced(boxed: RunningPlatform, box: Box) -> None:
    replica, container = next(iter(box.containers().items()))
    with Load(lambda _: boxed.caller(), PATH, connections=2, pause=0.01) as load:
        with box.asked() as client:
            client.api.kill(container)
        wait_for(
            "another container of that replica",
            lambda: box.containers().get(replica, container) != container,
            seconds=120,
        )
        boxed.wait_ready(NAME, seconds=120)
    assert not load.failed, load.summary()
    events = boxed.cli("describe", "deployment", NAME).stdout
    assert f"{replica} was killed by signal 9" in events


def test_a_revision_that_does_not_answer_as_promised_never_takes_over(boxed: RunningPlatform, box: Box) -> None:
    digest, before = digest_of(boxed), set(box.containers())
    with Load(lambda _: boxed.caller(), PATH, connections=2, pause=0.02) as load:
        boxed.apply(document(digest, TONE="wrong"))
        wait_for("a replica is refused", lambda: "golden example 1 (echo)" in conditions(boxed), seconds=120)
        with boxed.control() as control:
            states = {run["phase"]: run["state"] for run in control.phases(NAME)["items"]}
    assert states["ready"] == "Waiting"
    assert not load.failed, load.summary()
    assert before <= set(box.containers()), "the old ones serve on"
    boxed.cli("rollout", "undo", "deployment", NAME, "--to-revision", "1")
    boxed.wait_ready(NAME, seconds=120)
    wait_for("only two containers", lambda: len(box.containers(running=False)) == 2)


def test_control_killed_adopts_containers_and_removes_strangers(boxed: RunningPlatform, box: Box) -> None:
    before = box.containers()
    with box.asked() as client:
        mine = client.api.inspect_container(next(iter(before.values())))
        labels = mine["Config"]["Labels"] | {"modelway.replica": "nobody-knows-it"}
        stranger = client.api.create_container(mine["Image"], name="stranger", labels=labels)
        client.api.start(stranger["Id"])
    control = boxed.control_process()
    assert control is not None
    with Load(lambda _: boxed.caller(), PATH, connections=2, pause=0.01) as load:
        os.kill(control, signal.SIGKILL)
        wait_for("control is back", lambda: boxed.control_process() not in {None, control})
        wait_for("the stranger is gone", lambda: "nobody-knows-it" not in box.containers(running=False))
        boxed.wait_ready(NAME, seconds=120)
    assert box.containers() == before
    assert not load.failed, load.summary()


def test_a_base_of_the_catalogue_is_chosen_and_one_that_is_missing_is_named(
    boxed: RunningPlatform, box: Box, archive: Path, tmp_path: Path
) -> None:
    kept = f"oci:{tmp_path / 'bases'}"
    name = "boxed/echo/v2"
    text = document(boxed.upload(archive), replicas=1).replace("version: v1", "version: v2")
    cluster = box.cluster("shelf").replace(f"base: {box.base}", f"bases: {kept}")
    boxed.apply(cluster, text.replace("cluster: box", "cluster: shelf"))

    def said() -> str:
        found = boxed.deployment(name)
        return " ".join(each["message"] for each in found["status"]["conditions"]) if found else ""

    wait_for("what is missing", lambda: "modelway image base python-cpu" in said(), seconds=60)
    boxed.cli("image", "base", "python-cpu", "--root", str(box.base), "-o", kept)
    boxed.cli("rollout", "retry", "deployment", name)
    boxed.wait_ready(name, seconds=120)
    boxed.cli("delete", "deployment", name, "--wait")
    boxed.cli("delete", "cluster", "shelf")


def sending(digest: str, **env: str) -> str:
    variables = ", ".join(f'{key}: "{value}"' for key, value in {"INFERENCE_LOG_PAYLOADS": "1", **env}.items())
    return (
        "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: apart, model: echo, version: v1}\n"
        f'spec: {{package: "{digest}", cluster: apart, env: {{{variables}}}, drainSeconds: 5}}\n'
    )


def asked(platform: RunningPlatform, question: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in platform.cli("logs", "query", question, "-o", "json").stdout.splitlines()]


def test_containers_send_the_records_of_a_machine_nobody_sees(boxed: RunningPlatform, box: Box) -> None:
    """As on another machine: no folder of this one is theirs; what they send is joined with what the gateway has."""
    name, path, digest = "apart/echo/v1", "/apart/echo/v1/echo", digest_of(boxed)
    with box.asked() as client:
        here = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    cluster = f"{box.cluster('apart')}  control: http://{here}:{boxed.control_port}\n"
    others = set(box.containers())
    boxed.apply(cluster, sending(digest), route("apart/echo", {"v1": 1}, idempotent=True))
    boxed.wait_ready(name, seconds=120)
    boxed.wait_routed(path)
    with box.asked() as client:
        (first,) = [each for replica, each in box.containers().items() if replica not in others]
        assert not client.api.inspect_container(first)["HostConfig"]["Binds"]
    with Load(lambda _: boxed.caller(), path, connections=2, pause=0.01) as load:
        boxed.apply(sending(digest, TONE="again"))
        boxed.wait_ready(name, seconds=120)
        wait_for("the first is gone", lambda: first not in box.containers(running=False).values(), 120)
    assert not load.failed, load.summary()
    without = "FROM requests WHERE project = 'apart' AND status = 200 AND server_us IS NULL AND replica <> ''"
    wait_for("every answer has its inference", lambda: asked(boxed, f"SELECT count(*) AS n {without}") == [{"n": 0}])
    joined = asked(boxed, "SELECT request_id, replica FROM requests WHERE project = 'apart' AND server_us IS NOT NULL")
    assert len(joined) >= len(load.sent)
    assert len({each["replica"] for each in joined}) == 2, "what the first had went out before it"
    assert len({each["request_id"] for each in joined}) == len(joined), "and nothing twice"
    boxed.cli("logs", "feedback", joined[0]["request_id"], "--reward", "0.5")
    seen = f"SELECT reward, request->>'text' AS said FROM predictions WHERE request_id = '{joined[0]['request_id']}'"
    (told,) = wait_for("feedback", lambda: [each for each in asked(boxed, seen) if each["reward"] is not None] or None)
    assert told["said"], "payloads, where they are asked for"
    boxed.cli("delete", "route", "apart/echo")
    boxed.cli("delete", "deployment", name, "--wait")
    boxed.cli("delete", "cluster", "apart")


def spread(digest: str, **env: str) -> str:
    variables = ", ".join(f'{key}: "{value}"' for key, value in env.items())
    return (
        "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: spread, model: echo, version: v1}\n"
        f'spec: {{package: "{digest}", clusters: [{{name: local}}, {{name: box, approval: true}}], '
        f"env: {{{variables}}}, drainSeconds: 2}}\n"
    )


def hosts(platform: RunningPlatform) -> dict[str, str]:
    """Where the replicas of the spread deployment answer: on this machine, or in the engine's network."""
    found = platform.endpoints("spread/echo/v1")
    return {each["id"]: "local" if each["host"] == "127.0.0.1" else "box" for each in found}


def test_one_deployment_over_processes_and_containers(boxed: RunningPlatform) -> None:
    """First processes of this machine, then, when somebody has said yes, containers; what fails here does not get there."""
    name, digest = "spread/echo/v1", digest_of(boxed)
    boxed.apply(spread(digest), route("spread/echo", {"v1": 1}))

    def progress() -> str:
        found = boxed.deployment(name)
        conditions: list[dict[str, Any]] = found["status"]["conditions"] if found else []
        return next((str(each["reason"]) for each in conditions if each["type"] == "AllClusters"), "")

    wait_for("the barrier is reached", lambda: progress() == "WaitsForApproval", 120)
    assert list(hosts(boxed).values()) == ["local"]
    boxed.cli("rollout", "approve", "deployment", name)
    wait_for("both have it", lambda: progress() == "Reached" and sorted(hosts(boxed).values()) == ["box", "local"], 120)
    boxed.wait_routed("/spread/echo/v1/echo")
    before = {replica for replica, where in hosts(boxed).items() if where == "box"}
    boxed.apply(spread(digest, TONE="wrong"))
    wait_for("it stops at the barrier", lambda: progress() == "Stopped", 120)
    shown = boxed.cli("describe", "deployment", name).stdout
    assert "StoppedAtBarrier" in shown
    assert "Clusters" in shown
    assert before <= hosts(boxed).keys()
    boxed.cli("rollout", "undo", "deployment", name, "--to-revision", "1")
    wait_for("it is back", lambda: progress() == "WaitsForApproval", 120)
    boxed.cli("rollout", "approve", "deployment", name)
    wait_for("both are as they were", lambda: progress() == "Reached", 120)
    assert before <= hosts(boxed).keys()
    boxed.cli("delete", "route", "spread/echo")
    boxed.cli("delete", "deployment", name)
    wait_for("all are gone", lambda: boxed.deployment(name) is None, 120)


def test_deleted_with_nothing_left(boxed: RunningPlatform, box: Box) -> None:
    boxed.cli("delete", "route", "boxed/echo")
    boxed.cli("delete", "deployment", NAME, "--wait")
    wait_for("no container is left", lambda: not box.containers(running=False))
    boxed.cli("delete", "cluster", "box")
    assert boxed.cli("get", "clusters", "-o", "name").stdout == ""
