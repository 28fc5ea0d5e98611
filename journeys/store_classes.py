"""All stores that the package has: every class there that is made over a database. A new one is found by itself."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import modelway_platform.store
from modelway_platform.store.database import Database

# Made over a database, too, but what it does is listening.
NO_STORES = frozenset({"ChangeFeed"})


def stores() -> tuple[type[Any], ...]:
    """The stores, by name."""
    return tuple(sorted(_found(), key=lambda each: each.__name__))


def words_of(store: type[Any]) -> frozenset[str]:
    """The names of what can be asked of a store; what it inherits is the parent's."""
    return frozenset(
        name for name, found in vars(store).items() if inspect.isfunction(found) and not name.startswith("_")
    )


def _found() -> Iterator[type[Any]]:
    package = modelway_platform.store
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.ispkg or ".migrations." in module.name:
            continue
        for name, found in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(found) and found.__module__ == module.name and name not in NO_STORES:
                made = inspect.signature(found).parameters.values()
                if any(each.annotation is Database for each in made):
                    yield found
