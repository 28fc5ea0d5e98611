"""What replicas are given to read and write: directories, kept volumes, scratch room, secrets as files."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from journeys.container_bench import ENGINES, SECRET, ContainerBench
from journeys.operator_benches import Bench

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.containers.container_secrets import INSIDE
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.domain.deployments.volumes import Volume
from modelway_platform.domain.identity import VersionKey

pytestmark = [pytest.mark.slow]


TOKEN = "mwr_of-a-version"


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
            assert "anothers" in {each["Name"] for each in client.volumes()["Volumes"]}
            client.remove_volume("anothers")


def seen_by(bench: Bench, replica_id: str) -> Any:
    """What a replica found in each volume, and whether it could write there."""
    return json.loads(bench.said(replica_id).partition("seen ")[2].partition("\n")[0])
