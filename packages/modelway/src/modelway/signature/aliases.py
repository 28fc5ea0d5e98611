"""Type hints without aliases made by a `type` statement (PEP 695): from 2.5 on, numpy's `NDArray` is one."""

import types
import typing
from typing import Annotated, Any, Literal, Union, get_args, get_origin


def read_hints(described: Any) -> dict[str, Any]:
    """The hints of a function or class by name, annotations kept, aliases replaced by what they stand for.

    Raises:
        NameError: A hint names what is not there; `typing.get_type_hints` raises this and its likes.
    """
    return {name: without_aliases(hint) for name, hint in typing.get_type_hints(described, include_extras=True).items()}


def without_aliases(hint: Any) -> Any:
    """The hint with every alias in it replaced; the very same object where there is none."""
    while (alias := _alias_of(hint)) is not None:
        arguments = get_args(hint)
        hint = alias.__value__[arguments] if arguments else alias.__value__
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None or origin is Literal:
        return hint
    if origin is Annotated:
        bare = without_aliases(arguments[0])
        return hint if bare is arguments[0] else Annotated[(bare, *arguments[1:])]
    found = tuple(without_aliases(each) for each in arguments)
    if all(new is old for new, old in zip(found, arguments, strict=True)):
        return hint
    if origin in {Union, types.UnionType}:
        return Union[found]  # noqa: UP007 - the members are only known now
    return origin[found]


def _alias_of(hint: Any) -> Any:
    """The alias a hint is or is made of. The type has a name of its own from Python 3.12 on only."""
    for each in (hint, get_origin(hint)):
        if type(each).__name__ == "TypeAliasType":
            return each
    return None
