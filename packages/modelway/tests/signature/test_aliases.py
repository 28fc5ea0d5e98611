"""Hints that are aliases of a `type` statement, as numpy's `NDArray` is from 2.5 on."""

from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import pytest
from typing_extensions import TypeAliasType

from modelway import Handler, Shape, inference
from modelway.signature import bind
from modelway.signature.aliases import without_aliases
from modelway.testing import Client

Element = TypeVar("Element", bound=np.generic)
Item = TypeVar("Item")
Array = TypeAliasType("Array", np.ndarray[tuple[int, ...], np.dtype[Element]], type_params=(Element,))
Rows = TypeAliasType("Rows", list[Item], type_params=(Item,))
Name = TypeAliasType("Name", str)
Deeper = TypeAliasType("Deeper", Name)


class Doubled(Handler):
    @inference(max_batch_size=4)
    def double(self, image: Annotated[Array[np.float32], Shape(None, 2)]) -> Array[np.float32]:
        return image * 2

    @inference
    def join(self, names: Rows[Name], other: Deeper | None = None) -> Name:
        return " ".join([*names, other or ""])


def test_a_handler_may_use_them() -> None:
    image = bind(Doubled).signature.endpoint("double").inputs[0]
    assert (image.dtype, image.shape) == ("float32", (2,))
    client = Client(Doubled)
    assert client.call("double", {"image": [1, 2.5]}) == [2.0, 5.0]
    assert client.call("join", {"names": ["a", "b"], "other": "c"}) == "a b c"


@pytest.mark.parametrize(
    ("hint", "plain"),
    [
        (Name, str),
        (Deeper, str),
        (Rows[Deeper], list[str]),
        (dict[str, Name], dict[str, str]),
        (Name | None, str | None),
        (tuple[Name, ...], tuple[str, ...]),
        (Annotated[Name, 1], Annotated[str, 1]),
    ],
)
def test_they_are_replaced_wherever_they_stand(hint: Any, plain: Any) -> None:
    assert without_aliases(hint) == plain


@pytest.mark.parametrize("hint", [int, None, Any, list[int], int | None, Literal["Name"], Annotated[int, "x"]])
def test_other_hints_are_the_same_object(hint: Any) -> None:
    assert without_aliases(hint) is hint
