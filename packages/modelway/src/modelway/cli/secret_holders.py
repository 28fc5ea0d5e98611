"""What `modelway key` and `modelway token` have in common: listing without secrets, states, and a secret that is told this once."""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from modelway.cli.showing.output import note
from modelway.cli.showing.table_text import Cell, Row, table_lines
from modelway.cli.showing.time_text import date_and_time, seconds_of
from modelway.cli.showing.yaml_text import to_yaml


def add_secret_output(parser: argparse.ArgumentParser) -> None:
    """Declares `-o` of a verb that tells a secret."""
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="text: stdout holds the secret alone"
    )


def add_list_output(parser: argparse.ArgumentParser) -> None:
    """Declares `-o` of a listing."""
    parser.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")


def tell_secret(output: str, made: Any, secret: str, words: str) -> None:
    """Prints what was made as JSON, or the secret alone with the words beside it."""
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(made), indent=2).decode())
        return
    print(secret)
    note(words)


def show_list(output: str, items: Sequence[dict[str, Any]], head: Sequence[str], rows: Sequence[Row]) -> None:
    """Prints a listing in the form that is asked for."""
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode({"items": items}), indent=2).decode())
    elif output == "yaml":
        print(to_yaml({"items": items}), end="")
    else:
        print("\n".join(table_lines(tuple(head), list(rows))))


def state_of(item: dict[str, Any]) -> Cell:
    """Whether it opens anything: valid (until when), expired or revoked."""
    ends = seconds_of(item.get("expiresAt"))
    if item.get("revokedAt"):
        return Cell("revoked", "red")
    if ends is None:
        return Cell("valid", "green")
    return Cell("expired", "red") if ends <= time.time() else Cell(f"valid until {date_and_time(ends)}", "green")
