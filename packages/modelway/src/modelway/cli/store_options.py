"""The option of verbs that work with a store of packages."""

import argparse

from modelway.packaging.store import Store, open_store


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """`--store`, else the environment's."""
    parser.add_argument(
        "--store", default="", metavar="ADDRESS", help="s3://bucket/prefix or a folder (default: MODELWAY_STORE)"
    )


def store_of(arguments: argparse.Namespace) -> Store:
    """The store that is meant."""
    return open_store(arguments.store)
