"""What may change in a signature without anybody having to change with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelway import Handler, Shape, inference
from modelway.signature import Signature, signature_of
from modelway.signature.compatibility import compare, is_compatible


@dataclass
class Narrow:
    x: int


@dataclass
class Wide:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list[str])


Limited = Annotated[int, msgspec.Meta(ge=0, le=10)]
Looser = Annotated[int, msgspec.Meta(ge=-5, le=10)]
Vector = Annotated[NDArray[np.float32], Shape(4)]
AnyVector = Annotated[NDArray[np.float32], Shape(None)]
Doubles = Annotated[NDArray[np.float64], Shape(4)]


def takes(hint: Any, *, default: Any = ...) -> Signature:
    def predict(self: Any, value: Any) -> int:
        return 1

    predict.__annotations__["value"] = hint
    if default is not ...:
        predict.__defaults__ = (default,)
    return signature_of(type("Model", (Handler,), {"predict": inference(predict)}))


def answers(hint: Any) -> Signature:
    def predict(self: Any, value: int) -> Any:
        return 1

    predict.__annotations__["return"] = hint
    return signature_of(type("Model", (Handler,), {"predict": inference(predict)}))


WIDENINGS = [
    (int, float),
    (int, int | None),
    (Literal["a"], Literal["a", "b"]),
    (Literal["a"], str),
    (Limited, Looser),
    (Limited, int),
    (Narrow, Wide),
    (list[int], list[float]),
    (dict[str, int], dict[str, float]),
    (Vector, AnyVector),
    (tuple[int, int], tuple[float, int]),
    (int, Any),
]


@pytest.mark.parametrize(("narrow", "wide"), WIDENINGS)
def test_inputs_may_widen_and_outputs_may_narrow(narrow: Any, wide: Any) -> None:
    assert is_compatible(compare(takes(narrow), takes(wide)))
    assert not is_compatible(compare(takes(wide), takes(narrow)))
    assert not is_compatible(compare(answers(narrow), answers(wide))) or (narrow, wide) == (Narrow, Wide)
    assert is_compatible(compare(answers(wide), answers(narrow))) or (narrow, wide) == (Narrow, Wide)


def test_answers_may_have_more_members_but_not_fewer() -> None:
    assert is_compatible(compare(answers(Narrow), answers(Wide)))
    (change,) = compare(answers(Wide), answers(Narrow))
    assert (change.effect, change.where) == ("compatible", "predict → answer")  # the member had a default: optional


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (takes(float), takes(int), "float became int: number is no longer among integer"),
        (takes(Looser), takes(Limited), "minimum is 0 now"),
        (takes(Wide), takes(Narrow), "Wide became Narrow: y is no longer taken"),
        (takes(Vector), takes(Doubles), "tensors of float32 became float64"),
        (takes(Literal["a", "b"]), takes(Literal["b"]), "'a' is no longer among the values"),
        (takes(list[Wide]), takes(list[Narrow]), "[].y is no longer taken"),
        (answers(int), answers(str), "int became str: string is no longer among integer"),
        (takes(int, default=1), takes(int), "is needed now"),
    ],
)
def test_what_breaks_is_said(old: Signature, new: Signature, message: str) -> None:
    (change,) = compare(old, new)
    assert change.effect == "breaking"
    assert message in change.what


def test_endpoints_and_fields_come_and_go() -> None:
    class Old(Handler):
        @inference
        def gone(self, x: int) -> int:
            return x

        @inference
        def kept(self, x: int, y: int) -> int:
            return x + y

        @inference
        def whole(self, data: bytes) -> Iterator[int]:
            yield len(data)

    class New(Handler):
        @inference
        def kept(self, x: int, z: int, w: int = 0) -> int:
            return x

        @inference
        def whole(self, data: bytes, more: bytes) -> int:
            return 1

        @inference
        def new(self, x: int) -> int:
            return x

    found = {(each.effect, each.where, each.what) for each in compare(signature_of(Old), signature_of(New))}
    assert found == {
        ("breaking", "gone", "the endpoint is gone"),
        ("breaking", "kept.y", "is gone: requests that have it are refused"),
        ("breaking", "kept.z", "a new needed field"),
        ("compatible", "kept.w", "a new optional field"),
        ("breaking", "whole", "now answers as a whole"),
        ("breaking", "whole.data", "can no longer be sent as the whole body"),
        ("breaking", "whole.more", "a new needed field"),
        ("compatible", "new", "a new endpoint"),
    }


def list_of(hint: Any) -> Any:
    return list[hint]


def dict_of(hint: Any) -> Any:
    return dict[str, hint]


HINTS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([int, float, str, bool, bytes, None, Narrow, Wide, Vector, AnyVector, Literal["a"], Limited, Any]),
    lambda inner: st.builds(list_of, inner) | st.builds(dict_of, inner),
    max_leaves=3,
)


@given(HINTS)
def test_a_signature_is_compatible_with_itself_after_a_round_trip(hint: Any) -> None:
    signature = takes(hint)
    again = Signature.from_json(msgspec.json.decode(msgspec.json.encode(signature.to_json())))
    assert compare(signature, again) == ()
    assert is_compatible(compare(again, takes(hint | None if hint is not Any and hint is not None else hint)))
