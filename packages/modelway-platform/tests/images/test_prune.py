"""Room is made by age and size, never of what is needed or just used, and being killed at it breaks nothing."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway.cli.main import main
from modelway_platform.apps.pruning import limits_of, prune_forever
from modelway_platform.deploy.images.bases.base_image import base_from_archive
from modelway_platform.deploy.images.build_image import BuiltImage, ImageBuilder
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.prune import DAY, Kept, Limits, prune, what_goes

NOW = 1_000_000_000.0
LONG_AGO = (time.time() - 90 * DAY, time.time() - 90 * DAY)
YESTERDAY = (time.time() - 2 * DAY, time.time() - 2 * DAY)
NOTHING = Limits(seconds=0.0, octets=0)


def silent(*_: object, **__: object) -> None:
    pass


def blob(name: str, size: int, days: float) -> Kept:
    return Kept(digest=name, size=size, used_at=NOW - days * DAY)


def test_the_longest_unused_goes_first_and_only_as_far_as_needed() -> None:
    blobs = [blob("new", 10, 1), blob("old", 10, 20), blob("older", 10, 25), blob("ancient", 10, 40)]
    assert [each.digest for each in what_goes(blobs, (), Limits(seconds=30 * DAY, octets=1000), NOW)] == ["ancient"]
    assert [each.digest for each in what_goes(blobs, (), Limits(seconds=30 * DAY, octets=25), NOW)] == [
        "ancient",
        "older",
    ]
    assert [each.digest for each in what_goes(blobs, {"ancient"}, Limits(seconds=30 * DAY, octets=25), NOW)] == [
        "older",
        "old",
    ]


def test_what_was_just_used_stays_whatever_the_limits_are() -> None:
    blobs = [blob("now", 10, 0), blob("a while ago", 10, 0.1)]
    assert [each.digest for each in what_goes(blobs, (), NOTHING, NOW)] == ["a while ago"]


@pytest.fixture
def built(
    make_builder: Callable[..., ImageBuilder], make_package: Callable[..., Path], rootfs: Path, tmp_path: Path
) -> tuple[ImageBuilder, list[str], Callable[[int], BuiltImage]]:
    """A cache with the layers of two images, used long ago; their packages; and a way to build them again."""
    builder = make_builder()
    packages = [make_package(weights=b"a" * 5000), make_package(weights=b"b" * 5000)]

    def build(number: int) -> BuiltImage:
        base = base_from_archive(rootfs, builder.cache, silent)
        layout = ImageLayout(tmp_path / "out", make=True)
        return builder.build(packages[number], base, layout, f"v{number}", progress=silent)

    digests = [build(number).package for number in (0, 1)]
    for path in builder.cache.root.rglob("*"):
        if path.is_file():
            os.utime(path, LONG_AGO)
    return builder, digests, build


def blobs_of(cache: LayerCache) -> set[str]:
    return {f"sha256:{path.name}" for path in (cache.root / "blobs" / "sha256").iterdir()}


def test_layers_of_what_is_deployed_stay(built: tuple[ImageBuilder, list[str], Callable[[int], BuiltImage]]) -> None:
    builder, digests, build = built
    cache = builder.cache
    before, needed = blobs_of(cache), set(cache.used_by(digests[0]))
    told = prune(cache, packages=[digests[0]], limits=NOTHING, dry_run=True)
    assert blobs_of(cache) == before
    done = prune(cache, packages=[digests[0]], limits=NOTHING)
    assert (done.removed, done.octets) == (told.removed, told.octets)
    assert blobs_of(cache) == needed
    assert done.left == sum(cache.blobs.path(each).stat().st_size for each in needed)
    build(1)
    assert set(cache.used_by(digests[1])) <= blobs_of(cache)


def test_killed_at_any_removal_the_cache_works_and_the_next_goes_on(
    built: tuple[ImageBuilder, list[str], Callable[[int], BuiltImage]],
) -> None:
    builder, digests, build = built
    cache, strikes = builder.cache, 0
    while True:
        left = strikes

        def remove(path: Path) -> None:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt  # stands for kill -9: nothing catches it
            left -= 1
            path.unlink(missing_ok=True)

        try:
            prune(cache, packages=[], limits=NOTHING, remove=remove)
        except KeyboardInterrupt:
            strikes += 1
            again = build(0)
            assert again.package == digests[0]
            for path in cache.root.rglob("*"):
                if path.is_file():
                    os.utime(path, LONG_AGO)
        else:
            break
    assert strikes > 5
    assert blobs_of(cache) == set()


def test_what_killed_builds_left_goes(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "cache")
    dead, alive = cache.root / "work-999999999-ab", cache.root / f"work-{os.getpid()}-cd"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "x").write_bytes(b"x")
        os.utime(folder, YESTERDAY)
    partial = cache.root / "blobs" / "sha256" / ".incoming-1-ab"
    partial.write_bytes(b"half")
    os.utime(partial, YESTERDAY)
    prune(cache, packages=[], limits=Limits())
    assert not dead.exists()
    assert alive.exists()
    assert not partial.exists()


async def test_the_platform_does_so_by_itself(
    built: tuple[ImageBuilder, list[str], Callable[[int], BuiltImage]],
    tmp_path: Path,
) -> None:
    import asyncio  # noqa: PLC0415 - this test alone

    builder, digests, _ = built
    left = tmp_path / "packages" / f".fetching-{'a' * 64}"
    left.mkdir(parents=True)
    os.utime(left, LONG_AGO)
    task = asyncio.create_task(
        prune_forever(builder.cache.root, tmp_path / "packages", NOTHING, lambda: [digests[1]], every=0.05)
    )
    async with asyncio.timeout(30):
        while blobs_of(builder.cache) != set(builder.cache.used_by(digests[1])):  # noqa: ASYNC110 - files, not events
            await asyncio.sleep(0.02)
        while left.exists():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    task.cancel()
    assert limits_of({"MODELWAY_IMAGES_KEEP_GIB": "2", "MODELWAY_IMAGES_KEEP_DAYS": "3"}) == Limits(
        seconds=3 * DAY, octets=2 * 1024**3
    )


def test_by_command(
    built: tuple[ImageBuilder, list[str], Callable[[int], BuiltImage]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    builder, _, _ = built
    monkeypatch.setenv("MODELWAY_HOME", str(tmp_path / "home"))
    words = ["image", "prune", "--cache", str(builder.cache.root)]
    before = blobs_of(builder.cache)
    assert main([*words, "--dry-run"]) == 0
    assert f"{len(before)} layers would go" in capsys.readouterr().out
    assert blobs_of(builder.cache) == before
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "context.json").write_text(
        '{"control": "http://127.0.0.1:9", "gateway": "http://127.0.0.1:9", "key": "k"}'
    )
    monkeypatch.delenv("MODELWAY_URL", raising=False)
    assert main(words) == 1, "a platform that cannot be asked may need any of them"
    assert "--offline" in capsys.readouterr().err
    assert main([*words, "--offline"]) == 0
    assert blobs_of(builder.cache) == set()
