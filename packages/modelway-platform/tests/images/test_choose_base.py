"""Which base a package gets: by the frameworks and CUDA of its lock, to the wheel, or by name."""

from pathlib import Path

import pytest

from modelway.errors import ConflictError, InvalidPackageError, NotFoundError
from modelway_platform.deploy.images.bases.catalogue import SHIPPED
from modelway_platform.deploy.images.bases.choose import choose_base, device_of, provided
from modelway_platform.deploy.images.bases.contents import contents_labels, read_contents
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.package_lock import Pin, lock_without, pins_for
from modelway_platform.deploy.images.bases.read_definitions import read_definitions
from modelway_platform.deploy.images.bases.wheel_lock import make_lock
from modelway_platform.deploy.images.content.descriptor import ImageError

SHIPPED_BASES = read_definitions(SHIPPED, "amd64")


def shipped(name: str) -> BaseDefinition:
    return next(each for each in SHIPPED_BASES if each.name == name)


def pins_of(name: str, **other: str) -> dict[str, Pin]:
    """The lock of a package made with the same wheels as a base, with other versions of some."""
    lock = shipped(name).lock
    assert lock is not None
    found = {
        each.name: Pin(name=each.name, version=each.version, hashes=frozenset({each.sha256, "f" * 64}), text="")
        for each in lock.wheels
    }
    changed = {
        key.replace("_", "-"): Pin(name=key.replace("_", "-"), version=version, hashes=frozenset({"0" * 64}), text="")
        for key, version in other.items()
    }
    return found | changed


@pytest.mark.parametrize("name", [each.name for each in SHIPPED_BASES])
def test_a_package_made_with_the_wheels_of_a_base_gets_that_base(name: str) -> None:
    device = shipped(name).device
    choice = choose_base(SHIPPED_BASES, pins_of(name), "3.11", device=device if name == "python-gpu" else None)
    assert choice.definition.name == name
    assert device in choice.why


def test_what_brings_more_is_taken() -> None:
    both = pins_of("scikit-learn-cpu") | pins_of("onnxruntime-cpu")
    assert choose_base(SHIPPED_BASES, both, "3.11").definition.name == "onnxruntime-cpu"
    torch_too = both | pins_of("transformers-cpu")
    choice = choose_base(SHIPPED_BASES, torch_too, "3.11")
    assert choice.definition.name == "transformers-cpu"
    assert "transformers 5" in choice.why
    assert "cpu: the lock has no CUDA" in choice.why


def test_a_framework_in_another_version_leaves_python_alone_and_says_so() -> None:
    choice = choose_base(SHIPPED_BASES, pins_of("scikit-learn-cpu", scikit_learn="1.8.0"), "3.11")
    assert choice.definition.name == "python-cpu"
    assert choice.passed_over == (("scikit-learn-cpu", "it has scikit-learn 1.9.1, the lock wants 1.8.0"),)


def test_other_libraries_may_differ_where_nobody_loads_them_by_path() -> None:
    assert choose_base(SHIPPED_BASES, pins_of("pytorch-cpu", numpy="2.3.9"), "3.11").definition.name == "pytorch-cpu"
    choice = choose_base(SHIPPED_BASES, pins_of("pytorch-gpu", nvidia_cublas="13.2"), "3.11")
    assert choice.definition.name == "python-gpu"
    assert "nvidia-cublas" in choice.passed_over[0][1]


def test_a_wheel_of_the_same_version_from_elsewhere_is_another() -> None:
    found = choose_base(SHIPPED_BASES, pins_of("scikit-learn-cpu", scikit_learn="1.9.1"), "3.11")
    assert found.passed_over[0][1] == "its scikit-learn 1.9.1 is another wheel than the lock's"


def test_the_device_is_what_one_says_or_what_the_lock_is_made_for() -> None:
    assert device_of(pins_of("xgboost-gpu")) == ("gpu", "the lock has nvidia-nccl-cu12")
    choice = choose_base(SHIPPED_BASES, pins_of("xgboost-gpu"), "3.11", device="cpu")
    assert (choice.definition.name, "cpu: as told" in choice.why) == ("python-cpu", True)


def test_a_named_base_is_taken_or_refused_with_the_reason() -> None:
    pins = pins_of("scikit-learn-cpu")
    assert choose_base(SHIPPED_BASES, pins, "3.11", name="python-gpu").why == "it was named"
    with pytest.raises(ConflictError, match="there for torch"):
        choose_base(SHIPPED_BASES, pins, "3.11", name="pytorch-cpu")
    with pytest.raises(ConflictError, match=r"wants 1\.8\.0"):
        choose_base(SHIPPED_BASES, pins | pins_of("python-cpu", scikit_learn="1.8.0"), "3.11", name="scikit-learn-cpu")
    with pytest.raises(NotFoundError, match="'torch-cpu'"):
        choose_base(SHIPPED_BASES, pins, "3.11", name="torch-cpu")
    with pytest.raises(ConflictError, match=r"locked for 3\.12"):
        choose_base(SHIPPED_BASES, pins, "3.12", name="scikit-learn-cpu")
    with pytest.raises(NotFoundError, match=r"Python 3\.12 on cpu"):
        choose_base(SHIPPED_BASES, pins, "3.12")


def test_a_lock_is_read_as_it_holds_in_the_image() -> None:
    hashes = f" \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
    lock = (
        "# a remark\n"
        f"a-b==1.0{hashes}"
        f"numpy==1 ; python_full_version < '3.11'{hashes}"
        f"numpy==2 ; python_full_version >= '3.11'{hashes}"
        f"colorama==3 ; sys_platform == 'win32'{hashes}"
    ).encode()
    pins = pins_for(lock, "3.11", "amd64")
    assert {name: pin.version for name, pin in pins.items()} == {"a-b": "1.0", "numpy": "2"}
    assert pins["a-b"].hashes == {"a" * 64, "b" * 64}
    left = lock_without(pins, frozenset({"a-b"}))
    assert left.startswith(b"numpy==2 ; python_full")
    assert pins_for(left, "3.11", "amd64").keys() == {"numpy"}
    with pytest.raises(InvalidPackageError, match="means nothing"):
        pins_for(lock.replace(b"sys_platform", b"moon_phase"), "3.11", "amd64")


def test_a_base_says_in_labels_what_it_brings(tmp_path: Path) -> None:
    definition = shipped("pytorch-cpu")
    assert definition.lock is not None
    labels = contents_labels(definition, definition.lock, "/usr/bin/python3.11", "opt/x")
    found = read_contents({"Labels": labels})
    assert found is not None
    assert (found.name, found.place, found.exact) == ("pytorch-cpu", "opt/x", {"torch"})
    assert provided(found, pins_of("pytorch-cpu", numpy="2.3.9", six="1")) == found.wheels.keys() - {"numpy"}
    with pytest.raises(ConflictError, match="pytorch-cpu does not fit"):
        provided(found, pins_of("pytorch-cpu", torch="2.12"))
    assert read_contents({"Labels": {"a": "b"}}) is None
    with pytest.raises(ImageError, match="not understood"):
        read_contents({"Labels": {**labels, "modelway.base.wheels": "[[1]]"}})
    empty = make_lock("3.11", "amd64", (), ())
    assert contents_labels(definition, empty, "/usr/bin/python3.11", "opt/x")["modelway.base.place"] == ""
