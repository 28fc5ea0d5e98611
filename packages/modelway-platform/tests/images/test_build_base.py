"""Base images as built: the same every time, with the device's variables, and packages on them bring only the rest."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.deploy.images.bases.base_image import base_from_archive, base_from_layout, machine_architecture
from modelway_platform.deploy.images.bases.build_base import BaseBuilder, BuiltBase
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.wheel_lock import Wheel, make_lock
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.content.layout import ImageLayout

SIX = Wheel(name="six", version="1.17.0", file="six-1.17.0-py3-none-any.whl", size=9, sha256="a" * 64)
LOCK = make_lock("3.11", machine_architecture(), ("six",), (SIX,))
MINE = BaseDefinition(
    name="mine-cpu", framework="Mine", device="cpu", python="3.11", source=Path("x"), carries=("six",), lock=LOCK
)
VARIABLES = {"NVIDIA_VISIBLE_DEVICES": "all"}
GPU = replace(MINE, name="mine-gpu", device="gpu", variables=VARIABLES)
WITH_CUDA = """#!/bin/sh
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/nvidia/cublas/lib" "$2/nvidia/notes/lib"
echo x > "$2/nvidia/cublas/lib/libcublas.so.13"
echo x > "$2/nvidia/notes/lib/readme.txt"
"""
Builder = Callable[..., ImageBuilder]


def silent(*_: object, **__: object) -> None:
    pass


def build(builder: ImageBuilder, definition: BaseDefinition, rootfs: Path, out: Path) -> BuiltBase:
    root = base_from_archive(rootfs, builder.cache, silent)
    bases = BaseBuilder(cache=builder.cache, uv=builder.uv, architecture=builder.architecture)
    layout = ImageLayout(out, make=True)
    return bases.build(definition, definition.lock or LOCK, root, layout, definition.name, progress=silent)


def config_of(out: Path, tag: str) -> dict[str, Any]:
    layout = ImageLayout(out)
    found: dict[str, Any] = layout.document(layout.find(tag, machine_architecture()).config)["config"]
    return found


def names(out: Path, tag: str, layer: int) -> dict[str, bytes]:
    layout = ImageLayout(out)
    blob = layout.find(tag, machine_architecture()).layers[layer]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layout.blobs.read(blob, 1 << 24)))) as archive:
        files = {each.name: archive.extractfile(each) for each in archive if each.isfile()}
        return {name: source.read() for name, source in files.items() if source}


def test_two_machines_make_the_same_base(make_builder: Builder, rootfs: Path, tmp_path: Path) -> None:
    first = build(make_builder("one"), MINE, rootfs, tmp_path / "a")
    builder = make_builder("two")
    assert build(builder, MINE, rootfs, tmp_path / "b").manifest == first.manifest
    again = build(builder, MINE, rootfs, tmp_path / "b")
    assert (again.manifest, [each.kept for each in again.layers]) == (first.manifest, [True, True])
    held = names(tmp_path / "a", "mine-cpu", 1)
    assert "opt/modelway-base/lib/python3.11/site-packages/six.py" in held
    assert not [name for name in held if "direct_url" in name or "__pycache__" in name or "/bin/" in name]


def test_a_base_for_gpus_sets_variables_and_finds_cudas_libraries(
    make_builder: Builder, rootfs: Path, tmp_path: Path
) -> None:
    builder = make_builder()
    (tmp_path / "tools" / "uv").write_text(WITH_CUDA)
    build(builder, GPU, rootfs, tmp_path / "out")
    place = "/opt/modelway-base/lib/python3.11/site-packages/nvidia/cublas/lib"
    assert config_of(tmp_path / "out", "mine-gpu")["Env"] == ["NVIDIA_VISIBLE_DEVICES=all", f"LD_LIBRARY_PATH={place}"]
    build(builder, GPU, rootfs, tmp_path / "out")  # from the cache, where nothing is installed
    assert f"LD_LIBRARY_PATH={place}" in config_of(tmp_path / "out", "mine-gpu")["Env"]


def test_a_package_on_a_base_installs_only_what_that_lacks(
    make_builder: Builder, make_package: Callable[..., Path], rootfs: Path, tmp_path: Path
) -> None:
    builder = make_builder()
    build(builder, MINE, rootfs, tmp_path / "bases")
    base = base_from_layout(ImageLayout(tmp_path / "bases"), "mine-cpu", builder.cache, builder.architecture, silent)
    (tmp_path / "tools" / "uv").write_text(
        '#!/bin/sh\nfor each; do last=$each; done\ncat "$last" > "$(dirname "$0")/asked"\n'
    )
    out = ImageLayout(tmp_path / "out", make=True)
    built = builder.build(make_package(), base, out, "v1", progress=silent)
    assert (built.pins, built.from_base) == (1, 1)
    assert (tmp_path / "tools" / "asked").read_text() == ""
    environment = names(tmp_path / "out", "v1", 2)
    line = environment["opt/modelway/lib/python3.11/site-packages/modelway-base.pth"]
    assert line == b"import site; site.addsitedir('/opt/modelway-base/lib/python3.11/site-packages')\n"
    assert "opt/modelway/lib/python3.11/site-packages/six.py" not in environment
    labels = config_of(tmp_path / "out", "v1")["Labels"]
    assert labels["modelway.base"] == "mine-cpu"
    assert json.loads(labels["modelway.base.wheels"]) == [["six", "1.17.0", "a" * 64]]


def test_a_base_that_has_other_wheels_than_the_lock_is_refused(
    make_builder: Builder, make_package: Callable[..., Path], rootfs: Path, tmp_path: Path
) -> None:
    builder = make_builder()
    other = make_lock("3.11", machine_architecture(), ("six",), (replace(SIX, version="1.16.0"),))
    build(builder, replace(MINE, lock=other), rootfs, tmp_path / "bases")
    base = base_from_layout(ImageLayout(tmp_path / "bases"), "mine-cpu", builder.cache, builder.architecture, silent)
    out = ImageLayout(tmp_path / "out", make=True)
    with pytest.raises(ConflictError, match=r"it has six 1\.16\.0, the lock wants 1\.17\.0"):
        builder.build(make_package(), base, out, "v1", progress=silent)
    assert not list(builder.cache.root.glob("work-*"))


def test_a_root_without_the_python_is_refused(make_builder: Builder, rootfs: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no Python 3\.12"):
        build(make_builder(), replace(MINE, python="3.12"), rootfs, tmp_path / "out")
