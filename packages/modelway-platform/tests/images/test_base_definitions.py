"""Definitions of base images: the shipped ones are whole, one's own are read strictly, wheels are resolved and locked."""

import hashlib
import zipfile
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.bases.catalogue import SHIPPED, read_catalogue
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.read_definitions import read_definitions
from modelway_platform.deploy.images.bases.resolve import resolve
from modelway_platform.deploy.images.bases.wheel_lock import parse_lock

ONE = '[[base]]\nname = "mine-cpu"\nframework = "Mine"\ndevice = "cpu"\n'
WHEEL = '[[wheel]]\nname = "six"\nversion = "1"\nfile = "six-1-py3-none-any.whl"\nsize = 1\n'
LOCK = f'python = "3.11"\narchitecture = "amd64"\nrequirements = ["six"]\n{WHEEL}sha256 = "{"a" * 64}"\n'


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bases.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("definition", read_definitions(SHIPPED, "amd64"), ids=lambda each: each.name)
def test_every_shipped_definition_is_locked_to_wheels_that_meet_it(definition: BaseDefinition) -> None:
    assert definition.lock is not None
    wheels = {each.name: each for each in definition.lock.wheels}
    for text in definition.requirements:
        requirement = Requirement(text)
        version = wheels[canonicalize_name(requirement.name)].version
        assert requirement.specifier.contains(version, prereleases=True) or "===" in text, text
    assert set(definition.carries) <= set(wheels)
    assert all(each.size > 0 for each in wheels.values())
    cuda = any(name.startswith("nvidia-") for name in wheels)
    assert cuda == (definition.device == "gpu" and bool(wheels))
    assert ("NVIDIA_VISIBLE_DEVICES" in definition.variables) == (definition.device == "gpu")


def test_each_framework_has_a_base() -> None:
    names = {each.name for each in read_definitions(SHIPPED, "amd64")}
    both = {"pytorch", "transformers", "tensorflow", "onnxruntime", "xgboost", "python"}
    assert names == {f"{each}-{device}" for each in both for device in ("cpu", "gpu")} | {
        "scikit-learn-cpu",
        "lightgbm-cpu",
    }


def test_ones_own_definitions_come_first_and_replace_those_of_their_name(tmp_path: Path) -> None:
    text = 'python = "3.12"\n' + ONE + ONE.replace("mine-cpu", "python-cpu")
    found = read_catalogue(own(tmp_path, text), "amd64")
    names = [each.name for each in found.definitions]
    assert names[:2] == ["mine-cpu", "python-cpu"]
    assert names.count("python-cpu") == 1
    assert found.find("python-cpu").python == "3.12"
    with pytest.raises(NotFoundError, match="scikit-lern-cpu") as caught:
        found.find("scikit-lern-cpu")
    assert "did you mean scikit-learn-cpu" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[base]", "bases.toml"),
        ("bases = []", "did you mean 'base'"),
        ("base = 3", "must be tables"),
        (ONE + "requirement = []", "did you mean 'requirements'"),
        (ONE + "requirements = [3]", "mine-cpu: requirements: must be a list of texts"),
        (ONE + 'requirements = ["six == "]', "six == "),
        (ONE + 'requirements = ["six @ https://e.example/six.whl"]', "an address"),
        (ONE + 'requirements = ["--index-url=x"]', "--index-url"),
        (ONE + 'carries = ["numpy"]\nrequirements = ["six"]', "'numpy' is not among the requirements"),
        (ONE + 'python = "2.7"', "not as 3.11"),
        (ONE + "variables = { A = 3 }", "'A' is not a variable"),
        (ONE + 'lock = "no.toml"\nrequirements = ["six"]', "no.toml: no such file"),
        (ONE.replace('"cpu"', '"tpu"'), "'tpu' is neither cpu nor gpu"),
        (ONE.replace("mine-cpu", "Mine CPU"), "use a-z"),
        (ONE + ONE, "is there twice"),
        (ONE.replace('framework = "Mine"', ""), "framework: is missing"),
        ("[variables.tpu]\nA = '1'", "did you mean 'gpu'"),
    ],
)
def test_what_is_wrong_in_definitions_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ModelwayError) as caught:
        read_definitions(own(tmp_path, text), "amd64")
    assert told in caught.value.message + caught.value.hint


def test_a_lock_for_other_requirements_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(LOCK)
    good = ONE + 'lock = "mine.toml"\nrequirements = ["six"]'
    (found,) = read_definitions(own(tmp_path, good), "amd64")
    assert found.lock is not None
    assert found.lock.requirements_text() == f"six==1 \\\n    --hash=sha256:{'a' * 64}\n"
    with pytest.raises(InvalidRequestError, match="other requirements"):
        read_definitions(own(tmp_path, good.replace('["six"]', '["six>=1"]')), "amd64")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a" * 64, "a" * 63),
        ('"1"', '"1 --index-url=x"'),
        ('"six"\nversion', '"six\\n-r /etc/passwd"\nversion'),
        ("six-1-py3-none-any.whl", "../six.whl"),
        ("size = 1", "size = 'x'"),
        ("python = ", "pyton = "),
        ("[[wheel]]", "[[wheel"),
    ],
)
def test_a_lock_cannot_tell_an_installer_anything_else(before: str, after: str) -> None:
    assert parse_lock(LOCK, "a.lock").to_text().count("[[wheel]]") == 1
    with pytest.raises(InvalidRequestError, match=r"a\.lock: not a lock of wheels"):
        parse_lock(LOCK.replace(before, after), "a.lock")


def make_wheel(folder: Path, name: str, tag: str, requires: str = "") -> Path:
    path = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"TAG = {tag!r}\n")
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def test_requirements_come_to_the_best_wheel_of_each(tmp_path: Path) -> None:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[machine_architecture()]
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "ours", "py3-none-any", "theirs")
    make_wheel(wheels, "theirs", "py3-none-any")
    best = make_wheel(wheels, "theirs", f"cp311-cp311-manylinux_2_28_{machine}")
    make_wheel(wheels, "theirs", f"cp311-cp311-manylinux_2_40_{machine}")
    make_wheel(wheels, "theirs", "cp312-cp312-win_amd64")
    variables = {"UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache")}
    command = UvCommand(path=uv.find_uv_bin(), environment={"PATH": "/usr/bin:/bin", **variables})
    text = ONE + 'carries = ["ours"]\nrequirements = ["ours"]'
    (definition,) = read_definitions(own(tmp_path, text), machine_architecture())
    assert definition.lock is None
    lock = resolve(definition, machine_architecture(), command)
    assert [(each.name, each.version) for each in lock.wheels] == [("ours", "1.0"), ("theirs", "1.0")]
    found = lock.wheels[1]
    assert (found.file, found.size) == (best.name, best.stat().st_size)
    assert found.sha256 == hashlib.sha256(best.read_bytes()).hexdigest()
    assert parse_lock(lock.to_text(), "again") == lock
    (impossible,) = read_definitions(own(tmp_path, text.replace('["ours"]\nr', "[]\nr").replace('["ours"]', '["ours==2"]')), "amd64")  # fmt: skip
    with pytest.raises(ModelwayError, match="mine-cpu: its requirements cannot be met"):
        resolve(impossible, machine_architecture(), command)
