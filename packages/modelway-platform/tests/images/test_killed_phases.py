"""Row R5 for building and pushing: killed at every step that is told, the next control process ends with the same image, and nothing half done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelway import packaging
from modelway_platform.deploy.builder.local_phases import Report
from modelway_platform.deploy.images.bases.base_image import base_from_archive
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.deliver_image import RegistryAlone
from modelway_platform.deploy.images.image_phases import ImagePhases
from modelway_platform.domain.deployments.phases import PhaseName


class KilledError(BaseException):
    """Stands for kill -9 of control: nothing may catch it."""


class Plan:
    """A report that strikes at one of all its calls."""

    def __init__(self, point: int = 0) -> None:
        self._point = point
        self.steps = 0

    def __call__(self, step: str, *, done: int | None = None, total: int | None = None) -> None:
        self.steps += 1
        if self.steps >= self._point > 0:
            raise KilledError


async def test_killed_at_any_step_the_image_is_the_same_in_the_end(  # noqa: PLR0917 - fixtures
    make_builder: Callable[..., ImageBuilder],
    make_package: Callable[..., Path],
    rootfs: Path,
    registry: Any,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    package = make_package(weights=b"w" * 100_000)
    digest = packaging.verify(package)[1]

    async def there(_: str, report: Report) -> None:
        report("it is there")

    def phases(cache: str) -> ImagePhases:
        builder = make_builder(cache)
        return ImagePhases(
            archive=lambda _: package,
            fetch=there,
            builder=builder,
            base=lambda progress: base_from_archive(rootfs, builder.cache, progress),
            layouts=tmp_path / f"layouts-{cache}",
            delivery=RegistryAlone(registry=f"{registry.host}/models", http=lambda _: registry.http()),
        )

    async def all_of(cache: str, plan: Plan) -> str:
        preparer, made = phases(cache), ""
        for phase in (PhaseName.FETCH, PhaseName.VERIFY, PhaseName.BUILD, PhaseName.PUSH):
            made = await preparer.do(phase, digest, made, plan)
        return made

    wanted, struck = await all_of("whole", Plan()), 0
    while True:
        cache = f"struck-{struck}"
        try:
            await all_of(cache, Plan(struck + 1))
        except KilledError:
            struck += 1
        else:
            break
        registry.manifests.clear()
        assert await all_of(cache, Plan()) == wanted
        assert len(registry.manifests) == 1, "it is named once, and at the end"
        assert not list((tmp_path / f"layouts-{cache}").iterdir()), "nothing is kept that was delivered"
        if struck % 2:
            registry.blobs.clear()  # half of the tries begin with an empty registry, half with what the killed one sent
    record_property("r5_image_places", struck)
    assert struck > 20
