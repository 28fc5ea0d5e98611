"""Layouts and names: several tags in one folder, and refusals of what is not one."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError
from modelway_platform.deploy.images.content.descriptor import INDEX, MANIFEST, Descriptor, ImageError, canonical
from modelway_platform.deploy.images.content.layout import ImageLayout, choose, parse_manifest
from modelway_platform.deploy.images.registries.reference import parse_layout, parse_registry

EMPTY: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": MANIFEST,
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2},
    "layers": [],
}


def test_tags_are_beside_each_other_and_a_tag_moves(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "images", make=True)
    one = layout.blobs.add(canonical(EMPTY), MANIFEST)
    two = layout.blobs.add(canonical(EMPTY | {"annotations": {"a": "b"}}), MANIFEST)
    layout.tag("v1", one)
    layout.tag("v2", one)
    layout.tag("v1", two)
    assert layout.find("v1", "amd64").blob.digest == two.digest
    assert layout.find("v2", "amd64").blob.digest == one.digest
    with pytest.raises(NotFoundError) as refusal:
        layout.find("v3", "amd64")
    assert refusal.value.hint == "tags there: v1, v2"


def test_a_folder_with_something_else_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidRequestError, match="exists and is no OCI image layout"):
        ImageLayout(tmp_path, make=True)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_a_blob_that_was_changed_is_refused(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "images", make=True)
    blob = layout.blobs.add(canonical(EMPTY), MANIFEST)
    layout.tag("v1", blob)
    path = layout.blobs.path(blob.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"000", b"111", 1))
    with pytest.raises(ImageError, match="not what its digest says"):
        layout.find("v1", "amd64")


@pytest.mark.parametrize(
    "change",
    [
        {"layers": {}},
        {"layers": [{"mediaType": MANIFEST, "digest": "sha256:" + "0" * 64, "size": 1}]},
        {"config": {"mediaType": "x", "digest": "sha256:../../etc/passwd", "size": 1}},
        {"config": {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": -1}},
        {"config": {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": True}},
        {"config": None},
        {"mediaType": "application/x-other"},
        {"annotations": {"a": 1}},
    ],
)
def test_a_manifest_that_is_none_is_refused(change: dict[str, object]) -> None:
    blob = Descriptor(media_type=MANIFEST, digest="sha256:" + "0" * 64, size=1)
    with pytest.raises(ImageError):
        parse_manifest(blob, EMPTY | change)


def test_the_platform_is_chosen_from_an_index() -> None:
    entries = [
        {"mediaType": MANIFEST, "digest": f"sha256:{n * 64}", "size": 1, "platform": {"os": "linux", "architecture": a}}
        for n, a in (("1", "arm64"), ("2", "amd64"))
    ]
    index = {"mediaType": INDEX, "manifests": entries}
    assert choose(index, "amd64", "x").digest == f"sha256:{'2' * 64}"
    with pytest.raises(ImageError, match="only for linux/arm64, linux/amd64"):
        choose(index, "riscv64", "x")


def test_index_that_is_not_json_is_named(tmp_path: Path) -> None:
    ImageLayout(tmp_path / "images", make=True)
    (tmp_path / "images" / "index.json").write_text(json.dumps([1]))
    with pytest.raises(ModelwayError, match=r"index\.json: not a JSON object"):
        ImageLayout(tmp_path / "images").find("v1", "amd64")


@pytest.mark.parametrize(
    ("text", "folder", "tag"),
    [("oci:a", "a", "latest"), ("oci:a/b:v1", "a/b", "v1"), ("oci:/x:y/z", "/x:y/z", "latest")],
)
def test_names_of_layouts(text: str, folder: str, tag: str) -> None:
    name = parse_layout(text)
    assert (str(name.folder), name.tag) == (folder, tag)


@pytest.mark.parametrize(
    "text",
    [
        "localhost:5000/a:v1",
        "registry.example/team/digits:v1",
        "127.0.0.1:5000/a/b@sha256:" + "a" * 64,
        "registry:5000/a:latest",
        "[::1]:5000/a:v1",
    ],
)
def test_names_in_registries(text: str) -> None:
    assert str(parse_registry(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "digits:v1",
        "team/digits",
        "r.example/Upper:v1",
        "r.example/a:b:c",
        "r.example/../v2:x",
        "user:pw@r.example/a",
        "",
    ],
)
def test_names_that_are_none(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_registry(text)
