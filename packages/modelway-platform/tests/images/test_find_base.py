"""From a package to the base image it gets: what its project names, what its lock asks for, and what is not there yet."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelway import packaging
from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.images.bases.base_image import base_from_archive
from modelway_platform.deploy.images.bases.build_base import BaseBuilder
from modelway_platform.deploy.images.bases.catalogue import read_catalogue
from modelway_platform.deploy.images.bases.find_base import BaseFinder
from modelway_platform.deploy.images.bases.open_base import BaseOpener
from modelway_platform.deploy.images.bases.shelf import parse_shelf
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp

OWN = """
[[base]]
name = "six-cpu"
framework = "Six"
device = "cpu"
carries = ["six"]
requirements = ["six"]
"""


def silent(*_: object, **__: object) -> None:
    pass


def finder_on(builder: ImageBuilder, folder: Path) -> BaseFinder:
    (folder / "bases.toml").write_text(OWN)
    opener = BaseOpener(
        cache=builder.cache,
        architecture=builder.architecture,
        http=lambda host: RegistryHttp(host=host, plain_http=True),
        progress=silent,
    )
    catalogue = read_catalogue(folder / "bases.toml", builder.architecture)
    return BaseFinder(catalogue=catalogue, shelf=parse_shelf(f"oci:{folder / 'bases'}"), opener=opener)


def opened(archive: Path, folder: Path) -> packaging.LoadedPackage:
    packaging.extract(archive, folder, digest=packaging.verify(archive)[1])
    return packaging.open_package(folder)


def test_the_chosen_base_is_fetched_and_a_missing_one_says_why_and_how(
    make_builder: Callable[..., ImageBuilder], make_package: Callable[..., Path], rootfs: Path, tmp_path: Path
) -> None:
    builder = make_builder()
    finder = finder_on(builder, tmp_path)
    package = opened(make_package(), tmp_path / "package")
    choice = finder.choose(package)
    assert (choice.definition.name, choice.why) == ("six-cpu", "the lock has six 1.17.0; cpu: the lock has no CUDA")
    assert finder.choose(package, device="gpu").definition.name == "python-gpu"
    assert finder.choose(package, name="python-cpu").definition.name == "python-cpu"
    with pytest.raises(NotFoundError, match=r"base six-cpu \(the lock has six") as caught:
        finder.fetch(choice)
    assert f"modelway image base six-cpu -o oci:{tmp_path / 'bases'}" in caught.value.hint

    bare = finder.catalogue.find("python-cpu")
    assert bare.lock is not None
    root = base_from_archive(rootfs, builder.cache, silent)
    bases = BaseBuilder(cache=builder.cache, uv=builder.uv, architecture=builder.architecture)
    layout = ImageLayout(tmp_path / "bases", make=True)
    made = bases.build(bare, bare.lock, root, layout, "python-cpu", progress=silent)
    assert finder.fetch(finder.choose(package, name="python-cpu")).digest == made.manifest.digest


@pytest.mark.parametrize(
    "text", ["oci:bases:v1", "registry.example/bases:v1", "registry.example/bases@sha256:ab", "bases"]
)
def test_bases_are_kept_in_a_layout_or_repository_without_a_tag(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_shelf(text)
    assert str(parse_shelf("registry.example/bases").image("a-cpu")) == "registry.example/bases:a-cpu"
