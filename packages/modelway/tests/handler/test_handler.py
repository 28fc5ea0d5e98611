"""What decorators accept, and what `import modelway` costs."""

import subprocess
import sys
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelway import Handler, Shape, inference, postprocess, preprocess
from modelway.errors import InvalidHandlerError
from modelway.signature import bind


def test_import_of_the_sdk_loads_neither_numpy_nor_the_server() -> None:
    code = "import sys, modelway; print([m for m in ('numpy', 'uvloop', 'httptools', 'asyncio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["livez", "metrics", "docs", "v2", "a/b", "", "1st", "_x", "ä", "x" * 64])
def test_an_endpoint_name_that_cannot_be_a_path_is_refused(name: str) -> None:
    if name:
        with pytest.raises(ValueError, match="endpoint"):
            inference(endpoint=name)
    else:
        assert inference(endpoint=name)


def test_a_method_with_a_reserved_name_is_refused_with_the_way_out() -> None:
    class Wrong(Handler):
        @inference
        def docs(self, value: float) -> float:
            return value

    with pytest.raises(InvalidHandlerError, match=r"Wrong\.docs.*server's own") as caught:
        bind(Wrong)
    assert "endpoint=" in caught.value.hint


def test_shape_refuses_negative_axes_and_says_itself() -> None:
    assert str(Shape(64)) == "(64,)"
    assert str(Shape(None, 3)) == "(any, 3)"
    with pytest.raises(ValueError, match="None for any length"):
        Shape(-1)


def test_stages_bind_to_their_endpoint_and_general_ones_to_the_rest() -> None:
    class Two(Handler):
        @preprocess
        def general(self, value: float) -> float:
            return value

        @preprocess("second")
        def special(self, text: str) -> float:
            return float(text)

        @inference
        def first(self, value: float) -> float:
            return value

        @inference(endpoint="second")
        def other(self, value: float) -> float:
            return value

        @postprocess("first")
        def after(self, value: float) -> dict[str, float]:
            return {"value": value}

    first, second = bind(Two).bindings
    assert (first.name, first.preprocess, first.inference, first.postprocess) == ("first", "general", "first", "after")
    assert (second.name, second.preprocess, second.inference, second.postprocess) == (
        "second",
        "special",
        "other",
        None,
    )


def test_a_subclass_replaces_a_stage() -> None:
    class Parent(Handler):
        @inference
        def predict(self, value: float) -> float:
            return value

    class Child(Parent):
        @inference(max_batch_size=4)
        def predict(self, value: list[float]) -> list[float]:  # pyright: ignore[reportIncompatibleMethodOverride]
            return value

    (binding,) = bind(Child).bindings
    assert binding.max_batch_size == 4


def _handlers() -> list[tuple[type[Handler], str]]:
    class Empty(Handler):
        pass

    def predict(self: Any, value):  # noqa: ANN001, ANN202 # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]
        raise NotImplementedError

    no_hint = type("NoHint", (Handler,), {"predict": inference(predict)})  # pyright: ignore[reportUnknownArgumentType]

    class Starred(Handler):
        @inference
        def predict(self, *values: float) -> float:
            return values[0]

    class BatchedScalar(Handler):
        @inference(max_batch_size=2)
        def predict(self, value: float) -> float:
            return value

    class Foreign(Handler):
        @inference
        def predict(self, value: subprocess.Popen[bytes]) -> float:
            raise NotImplementedError

    class ShapeOfList(Handler):
        @inference
        def predict(self, value: Annotated[list[float], Shape(3)]) -> float:
            return value[0]

    class Complex(Handler):
        @inference
        def predict(self, value: NDArray[np.complex128]) -> float:
            raise NotImplementedError

    class Lost(Handler):
        @inference
        def predict(self, value: float) -> float:
            return value

        @postprocess("predictt")
        def after(self, value: float) -> float:
            return value

    class Twice(Handler):
        @preprocess
        def one(self, value: float) -> float:
            return value

        @preprocess
        def two(self, value: float) -> float:
            return value

        @inference
        def predict(self, value: float) -> float:
            return value

    return [
        (Empty, "no endpoint"),
        (no_hint, r"NoHint\.predict\(value\): no type hint"),
        (Starred, r"\*values"),
        (BatchedScalar, r"predict\(value\): a batched method takes an array"),
        (Foreign, "Popen.*cannot be read from JSON"),
        (ShapeOfList, "describes an array"),
        (Complex, "complex128"),
        (Lost, "no endpoint 'predictt'"),
        (Twice, "one and two are both @preprocess"),
    ]


@pytest.mark.parametrize(("handler", "message"), _handlers(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_handler_that_cannot_be_served_is_refused_by_name(handler: Any, message: str) -> None:
    with pytest.raises(InvalidHandlerError, match=message):
        bind(handler)
