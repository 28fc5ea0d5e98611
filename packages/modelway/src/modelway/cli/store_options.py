"""The option of verbs that work with a store of packages."""

import argparse
from difflib import get_close_matches

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.packaging.manifest import NAME
from modelway.packaging.store import Reference, Store, open_store
from modelway.packaging.store.objects import split_label

_SHOWN = 10


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """`--store`, else the environment's."""
    parser.add_argument(
        "--store", default="", metavar="ADDRESS", help="s3://bucket/prefix or a folder (default: MODELWAY_STORE)"
    )


def store_of(arguments: argparse.Namespace, *, make: bool = False) -> Store:
    """The store that is meant; `make` says whether a folder that is not there is to be one."""
    return open_store(arguments.store, make=make)


def find_version(store: Store, label: str) -> Reference:
    """The entry of `NAME/VERSION`.

    Raises:
        NotFoundError: The store has none; the hint says what it has instead.
        InvalidPackageError: `label` is not of that form; the hint has the versions of a model of that name.
    """
    name, slash, _ = label.partition("/")
    try:
        return store.reference(*split_label(label))
    except NotFoundError as error:
        raise NotFoundError(error.message, hint=_what_there_is(store, name)) from error
    except InvalidPackageError as error:
        if slash or not NAME.fullmatch(name):
            raise
        raise InvalidPackageError(f"which version of {name}?", hint=_what_there_is(store, name)) from error


def _what_there_is(store: Store, name: str) -> str:
    everything = sorted(store.references(), key=lambda each: each.pushed_at)
    labels = [each.label for each in everything if each.name == name][-_SHOWN:]
    if labels:
        return f"there is {', '.join(labels)}"
    close = get_close_matches(name, {each.name for each in everything}, n=1)
    if close:
        return f"did you mean {close[0]}? `modelway list {close[0]}` shows its versions."
    return "`modelway list` shows what there is." if everything else "nothing has been pushed there yet."
