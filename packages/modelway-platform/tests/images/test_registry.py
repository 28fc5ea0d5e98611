"""Push and pull against a registry that demands credentials, breaks off, is busy, or lies."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import ModelwayError, UnauthenticatedError
from modelway_platform.deploy.images.bases.base_image import base_from_archive, machine_architecture
from modelway_platform.deploy.images.bases.pull import base_from_registry
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.content.blobs import BlobFolder
from modelway_platform.deploy.images.content.descriptor import LAYER, Descriptor, ImageError
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.registries import registry as registry_module
from modelway_platform.deploy.images.registries.credentials import Credentials, find_credentials
from modelway_platform.deploy.images.registries.push import PushedImage, push
from modelway_platform.deploy.images.registries.reference import parse_registry

ADA = Credentials(user="ada", password="secret")


def silent(*_: object, **__: object) -> None:
    pass


@pytest.fixture
def layout(
    make_builder: Callable[..., ImageBuilder], make_package: Callable[..., Path], rootfs: Path, tmp_path: Path
) -> ImageLayout:
    builder = make_builder()
    layout = ImageLayout(tmp_path / "out", make=True)
    package = make_package(weights=os.urandom(50_000))
    builder.build(package, base_from_archive(rootfs, builder.cache, silent), layout, "v1", progress=silent)
    return layout


def push_to(
    registry: Any, layout: ImageLayout, name: str = "team/digits:v1", mount_from: str = "", **options: Any
) -> PushedImage:
    where = parse_registry(f"{registry.host}/{name}")
    image = layout.find("v1", machine_architecture())
    return push(layout, image, where, registry.http(**options), silent, mount_from=mount_from)


def test_everything_once_then_nothing(registry: Any, layout: ImageLayout) -> None:
    first = push_to(registry, layout)
    assert {each.outcome for each in first.blobs} == {"sent"}
    assert hashlib.sha256(registry.manifests["v1"][1]).hexdigest() == first.digest.removeprefix("sha256:")
    again = push_to(registry, layout, "team/digits:v2")
    assert again.sent_bytes == 0
    assert {each.outcome for each in again.blobs} == {"there"}


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_credentials_open_the_door(registry: Any, layout: ImageLayout, auth: str) -> None:
    registry.auth = auth
    with pytest.raises(UnauthenticatedError) as refusal:
        push_to(registry, layout)
    assert "MODELWAY_REGISTRY_USER" in refusal.value.hint
    with pytest.raises(UnauthenticatedError) as refusal:
        push_to(registry, layout, credentials=Credentials(user="ada", password="wr0ng-pass"))
    assert "wr0ng-pass" not in f"{refusal.value.message}{refusal.value.hint}"
    assert push_to(registry, layout, credentials=ADA).sent_bytes > 0


def test_a_busy_registry_is_asked_again(registry: Any, layout: ImageLayout) -> None:
    registry.statuses = [503, 429, 500]
    assert push_to(registry, layout).sent_bytes > 0


def test_a_registry_that_stays_busy_is_reported_with_its_words(registry: Any, layout: ImageLayout) -> None:
    registry.statuses = [503] * 50
    with pytest.raises(ModelwayError, match="status 503"):
        push_to(registry, layout)


def test_an_upload_goes_on_where_it_broke_off(
    registry: Any, layout: ImageLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "PART_BYTES", 8000)
    registry.break_parts = 2
    pushed = push_to(registry, layout)
    for each in pushed.blobs:
        content = registry.blobs[each.blob.digest]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == each.blob.digest


def test_layers_of_another_repository_are_mounted(registry: Any, layout: ImageLayout) -> None:
    image = layout.find("v1", machine_architecture())
    registry.blobs[image.layers[0].digest] = layout.blobs.read(image.layers[0], 1 << 20)
    registry.elsewhere = {image.layers[0].digest}
    pushed = push_to(registry, layout, mount_from="base/debian")
    assert pushed.blobs[0].outcome == "mounted"
    assert any("from=base%2Fdebian" in each for each in registry.asked)


def test_a_registry_that_names_another_digest_is_not_believed(registry: Any, layout: ImageLayout) -> None:
    registry.digest_header = "sha256:" + "f" * 64
    with pytest.raises(ImageError, match="do not trust it"):
        push_to(registry, layout)


def test_an_upload_to_another_host_carries_no_credentials(registry: Any, layout: ImageLayout) -> None:
    registry.auth, registry.location = "basic", f"http://localhost:{registry.port}/v2/x/blobs/uploads/u0"
    registry.uploads["u0"] = b""
    with pytest.raises(ModelwayError):
        push_to(registry, layout, credentials=ADA)
    sent = [given for asked, given in zip(registry.asked, registry.authorizations, strict=True) if "PATCH" in asked]
    assert sent
    assert not any(sent)


def test_an_unsafe_location_is_not_followed(registry: Any, layout: ImageLayout) -> None:
    registry.location = "file:///etc/passwd"
    with pytest.raises(ImageError, match="not safe to follow"):
        push_to(registry, layout)


def test_a_base_is_pulled_and_checked(registry: Any, layout: ImageLayout, tmp_path: Path) -> None:
    pushed = push_to(registry, layout)
    cache = LayerCache(tmp_path / "other")
    name = parse_registry(f"{registry.host}/team/digits:v1")
    base = base_from_registry(name, registry.http(), cache, machine_architecture(), silent)
    assert base.digest == pushed.digest
    assert all(cache.blobs.has(layer.blob) for layer in base.layers)
    asked = len(registry.asked)
    base_from_registry(name, registry.http(), cache, machine_architecture(), silent)
    assert registry.asked[asked:] == ["GET /v2/team/digits/manifests/v1"]


@pytest.mark.parametrize("wrong", [b"", b"\0" * 70_000, b"\0" * 2_000_000])
def test_a_blob_that_is_not_what_was_asked_for_is_refused(
    registry: Any, layout: ImageLayout, tmp_path: Path, wrong: bytes
) -> None:
    push_to(registry, layout)
    registry.wrong_blob = wrong
    cache = LayerCache(tmp_path / "other")
    name = parse_registry(f"{registry.host}/team/digits:v1")
    with pytest.raises(ImageError, match="wanted"):
        base_from_registry(name, registry.http(), cache, machine_architecture(), silent)
    assert not list((tmp_path / "other" / "blobs" / "sha256").iterdir())


def test_a_manifest_other_than_the_digest_asked_for_is_refused(
    registry: Any, layout: ImageLayout, tmp_path: Path
) -> None:
    push_to(registry, layout)
    asked = "sha256:" + "e" * 64
    registry.manifests[asked] = registry.manifests["v1"]
    name = parse_registry(f"{registry.host}/team/digits@{asked}")
    with pytest.raises(ImageError, match="asked for"):
        base_from_registry(name, registry.http(), LayerCache(tmp_path / "c"), machine_architecture(), silent)


def test_nothing_answers(tmp_path: Path, registry: Any) -> None:
    http = registry.http()
    http.host = "127.0.0.1:1"
    with pytest.raises(ModelwayError) as refusal:
        http.send("GET", "/v2/a/blobs/x?_state=signature", scope="")
    assert refusal.value.error_code == "unreachable"
    assert "signature" not in refusal.value.message


def test_a_partial_blob_never_takes_its_name(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    wanted = Descriptor(media_type=LAYER, digest="sha256:" + "a" * 64, size=5)
    with pytest.raises(ImageError), blobs.incoming(expected=wanted) as target:
        target.write(b"hello")
    assert not list((tmp_path / "sha256").iterdir())


def test_credentials_come_from_variables_or_the_login_file(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"auths": {"r.example": {"auth": "YWRhOnNlY3JldA=="}}}')
    assert find_credentials("r.example", {}, tmp_path) == ADA
    assert find_credentials("other.example", {}, tmp_path) is None
    found = find_credentials(
        "r.example", {"MODELWAY_REGISTRY_USER": "bob", "MODELWAY_REGISTRY_PASSWORD": "x"}, tmp_path
    )
    assert found is not None
    assert found.user == "bob"
    assert "secret" not in repr(ADA)
