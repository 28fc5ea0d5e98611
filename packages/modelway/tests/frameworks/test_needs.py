"""What every loader asks for: each lack is an error that says what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelway import Handler, inference
from modelway.errors import HandlerError, LoadError
from modelway.frameworks.needs import device_parts, framework, model_file, only_cpu, thread_count
from modelway.frameworks.warm_up import batch_sizes, warm_up
from modelway.testing import Client

Make = Callable[..., Handler]


def test_a_framework_that_is_not_installed_is_named_with_what_to_add() -> None:
    with pytest.raises(LoadError, match="no_such_framework is not installed") as refusal:
        framework("no_such_framework.models")
    assert 'add "no_such_framework" to [project] dependencies' in refusal.value.hint
    assert isinstance(refusal.value, HandlerError)
    assert refusal.value.error_code == "model_not_loaded"


def test_a_missing_file_is_told_with_what_is_there(handler: Make, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(LoadError, match=r"no model file model\.onnx; self\.files has: folder, other\.onnx") as refusal:
        model_file(handler(), "model.onnx")
    assert 'files = ["model.onnx"]' in refusal.value.hint
    assert str(tmp_path) not in refusal.value.message
    with pytest.raises(LoadError, match="folder is a folder; a file is wanted"):
        model_file(handler(), "folder")
    with pytest.raises(LoadError, match="a folder is wanted"):
        model_file(handler(), "other.onnx", folder=True)
    assert model_file(handler(), "other.onnx") == tmp_path / "other.onnx"


@pytest.mark.parametrize("threads", [0, -1, 5000, True, 2.0, "2"])
def test_a_number_of_threads_is_a_whole_number_from_one(handler: Make, threads: int) -> None:
    with pytest.raises(LoadError, match="threads="):
        thread_count(handler(), threads)


def test_threads_are_the_handlers_unless_given(handler: Make) -> None:
    assert thread_count(handler(threads=3), None) == 3
    assert thread_count(handler(threads=3), 2) == 2


@pytest.mark.parametrize("device", ["", "cuda:", "cuda:x", "cuda:-1", "a b", "cuda:1:2"])
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(LoadError, match="is no device"):
        device_parts(device)


def test_a_device_is_a_kind_and_a_number(handler: Make) -> None:
    assert device_parts("cuda:1") == ("cuda", 1)
    assert device_parts("cpu") == ("cpu", 0)
    only_cpu(handler(), "LightGBM")
    with pytest.raises(LoadError, match="LightGBM runs its models on the CPU only"):
        only_cpu(handler(device="cuda"), "LightGBM")


def test_warm_up_meets_the_sizes_that_batches_have(handler: Make) -> None:
    class Two(Handler):
        @inference(max_batch_size=3)
        def few(self, batch: list[int]) -> list[int]:
            return batch

        @inference(max_batch_size=20)
        def many(self, batch: list[int]) -> list[int]:
            return batch

    class Single(Handler):
        @inference
        def one(self, value: int) -> int:
            return value

    assert batch_sizes(handler(Two)) == (1, 2, 4, 8, 16, 20)
    assert batch_sizes(handler(Single)) == (1,)
    assert batch_sizes(handler()) == (1, 2, 4, 6)
    seen: list[tuple[int, ...]] = []

    def call(rows: list[list[float]], flags: list[int]) -> None:
        seen.append((len(rows), len(rows[0]), len(flags)))

    warm_up(handler(), call, ([1.0, 2.0], 1))
    assert seen == [(1, 2, 1), (2, 2, 2), (4, 2, 4), (6, 2, 6)]


def test_a_model_that_fails_in_its_warm_up_is_not_loaded(handler: Make) -> None:
    def call(rows: list[float]) -> None:
        if len(rows) > 1:
            raise ValueError("the first axis is 1\nand more")

    with pytest.raises(LoadError, match=r"at a batch of 2 examples: ValueError: the first axis is 1$"):
        warm_up(handler(), call, 0.5)


def test_a_handler_knows_its_share_of_the_cores() -> None:
    class Threads(Handler):
        @inference
        def threads_here(self, add: int) -> int:
            return self.threads + add

    with Client(Threads) as client:
        assert client.call("threads_here", {"add": 0}) >= 1
