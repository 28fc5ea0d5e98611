"""An image of a package: what is in it, that it is the same every time, and what is made again after a change."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import InvalidPackageError, ModelwayError
from modelway_platform.deploy.images.bases.base_image import base_from_archive, base_from_layout, machine_architecture
from modelway_platform.deploy.images.build_image import BuiltImage, ImageBuilder
from modelway_platform.deploy.images.content.descriptor import LAYER_GZIP
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.layers import package_layers

Make = Callable[..., Path]


def silent(*_: object, **__: object) -> None:
    pass


def build(builder: ImageBuilder, package: Path, rootfs: Path, out: Path) -> BuiltImage:
    base = base_from_archive(rootfs, builder.cache, silent)
    return builder.build(package, base, ImageLayout(out, make=True), "v1", progress=silent)


def config_of(layout: ImageLayout) -> dict[str, Any]:
    return layout.document(layout.find("v1", machine_architecture()).config)


def members(layout: ImageLayout) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    for blob in layout.find("v1", machine_architecture()).layers[1:]:
        data = layout.blobs.read(blob, 1 << 24)
        plain = gzip.decompress(data) if blob.media_type == LAYER_GZIP else data
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            found |= {member.name: member for member in archive}
    return found


def test_two_machines_make_the_same_image(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    package = make_package(weights=b"w" * 1000)
    first = build(make_builder("one"), package, rootfs, tmp_path / "a")
    (tmp_path / "tools" / "sdk" / "cli" / "main.py").touch()
    second = build(make_builder("two"), package, rootfs, tmp_path / "b")
    assert first.manifest == second.manifest
    assert not any(each.kept for each in second.layers[1:])


def test_a_code_change_makes_one_small_layer(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    builder = make_builder()
    build(builder, make_package(weights=b"w" * 100_000), rootfs, tmp_path / "out")
    changed = build(builder, make_package(b"x = 2\n", weights=b"w" * 100_000), rootfs, tmp_path / "out")
    new = [each for each in changed.layers if not each.kept]
    assert [each.role for each in new] == ["code"]
    assert new[0].layer.blob.size < 4000
    assert (tmp_path / "tools" / "runs").read_text().count("run") == 1


def test_one_new_large_file_among_several_is_one_new_layer(
    make_builder: Callable[..., ImageBuilder],
    make_package: Make,
    rootfs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(package_layers, "LARGE_FILE", 1000)
    builder = make_builder()
    build(builder, make_package(a=b"a" * 2000, b=b"b" * 2000, c=b"c", d=b"d"), rootfs, tmp_path / "out")
    built = build(builder, make_package(a=b"a" * 2000, b=b"B" * 2000, c=b"c", d=b"d"), rootfs, tmp_path / "out")
    assert {each.role: each.kept for each in built.layers if "file" in each.role} == {
        "2 files": True,
        "file a": True,
        "file b": False,
    }


def test_what_the_image_says_of_itself(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    built = build(make_builder(), make_package(weights=b"w"), rootfs, tmp_path / "out")
    document = config_of(ImageLayout(tmp_path / "out"))
    config = document["config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][:3] == ["/opt/modelway/bin/modelway", "serve", "/opt/modelway/package"]
    assert set(config["ExposedPorts"]) == {"8080/tcp", "8081/tcp"}
    assert config["Healthcheck"]["Test"] == ["CMD", "/opt/modelway/bin/modelway-healthy"]
    assert config["Labels"]["modelway.package.digest"] == built.package
    assert "MODELWAY_MODEL=digits" in config["Env"]
    assert document["rootfs"]["diff_ids"] == [each.layer.diff_id for each in built.layers]
    assert len(document["history"]) == len(built.layers)


def test_layers_hold_no_time_no_owner_no_bytecode_and_nothing_of_this_machine(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path, canary: str
) -> None:
    build(make_builder(), make_package(weights=b"w"), rootfs, tmp_path / "out")
    layout = ImageLayout(tmp_path / "out")
    found = members(layout)
    assert {member.mtime for member in found.values()} == {0}
    assert {member.uid for name, member in found.items() if name != "home/modelway"} == {0}
    assert not [
        name for name in found if "__pycache__" in name or name.endswith((".pyc", "direct_url.json", "bin/six"))
    ]
    for blob in (tmp_path / "out" / "blobs" / "sha256").iterdir():
        data = blob.read_bytes()
        plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        assert canary.encode() not in plain
        assert str(tmp_path).encode() not in plain


def test_the_bill_of_materials_names_every_pin(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    build(make_builder(), make_package(), rootfs, tmp_path / "out")
    layout = ImageLayout(tmp_path / "out")
    code = layout.find("v1", machine_architecture()).layers[-1]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layout.blobs.read(code, 1 << 20)))) as archive:
        source = archive.extractfile("opt/modelway/sbom.cdx.json")
        assert source is not None
        bill = json.load(source)
    assert bill["bomFormat"] == "CycloneDX"
    assert [each["purl"] for each in bill["components"]] == ["pkg:pypi/modelway@0.1.0", "pkg:pypi/six@1.17.0"]


def test_a_damaged_package_leaves_nothing_behind(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    package = make_package(weights=b"w" * 1000)
    data = package.read_bytes()
    package.write_bytes(data.replace(b"w" * 1000, b"w" * 999 + b"v"))
    builder = make_builder()
    with pytest.raises(InvalidPackageError, match="files/weights"):
        build(builder, package, rootfs, tmp_path / "out")
    assert not list(builder.cache.root.glob("work-*"))
    assert not (tmp_path / "out" / "index.json").exists()
    assert not (tmp_path / "tools" / "runs").exists()


def test_a_base_without_the_python_is_refused(
    make_builder: Callable[..., ImageBuilder], make_package: Make, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.tar"
    with tarfile.open(bare, "w") as archive:
        archive.addfile(tarfile.TarInfo("etc"))
    with pytest.raises(ModelwayError, match=r"no Python 3\.11"):
        build(make_builder(), make_package(), bare, tmp_path / "out")


def test_an_image_can_be_the_base_of_another(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    first = build(make_builder("one"), make_package(), rootfs, tmp_path / "out")
    other = make_builder("two")
    base = base_from_layout(ImageLayout(tmp_path / "out"), "v1", other.cache, other.architecture, silent)
    built = other.build(make_package(b"x = 3\n"), base, ImageLayout(tmp_path / "o2", make=True), "v2", progress=silent)
    assert [each.layer for each in built.layers[: len(first.layers)]] == [each.layer for each in first.layers]
    assert config_of(ImageLayout(tmp_path / "out"))["config"]["Env"][0].count("/opt/modelway/bin") == 1


def test_a_base_whose_layer_is_not_what_its_digest_says_is_refused(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    built = build(make_builder("one"), make_package(), rootfs, tmp_path / "out")
    layout = ImageLayout(tmp_path / "out")
    path = layout.blobs.path(built.layers[1].layer.blob.digest)
    path.unlink()
    path.write_bytes(b"\0" * built.layers[1].layer.blob.size)
    other = make_builder("two")
    with pytest.raises(ModelwayError, match="wanted"):
        base_from_layout(layout, "v1", other.cache, other.architecture, silent)
    assert not other.cache.blobs.has(built.layers[1].layer.blob)


def test_a_failed_installation_says_what_uv_said(
    make_builder: Callable[..., ImageBuilder], make_package: Make, rootfs: Path, tmp_path: Path
) -> None:
    builder = make_builder()
    (tmp_path / "tools" / "uv").write_text("#!/bin/sh\necho 'error: six has no wheel' >&2\nexit 1\n")
    with pytest.raises(ModelwayError, match="six has no wheel"):
        build(builder, make_package(), rootfs, tmp_path / "out")
