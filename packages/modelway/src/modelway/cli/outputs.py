"""`modelway logs outputs`: how far records have come that are sent on to other platforms."""

import argparse
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.output import note
from modelway.cli.showing.table_text import table_lines

_HEADS = ("NAME", "KIND", "SENT", "WAITING", "LAG", "REFUSED", "DROPPED", "FAILING")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="json: all of it, in one line"
    )
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        outputs: list[dict[str, Any]] = client.status().get("outputs", [])
    if args.output == "json":
        print(msgspec.json.encode(outputs).decode())
    elif not outputs:
        note("no records are sent on; outputs.toml in the state directory declares outputs")
    else:
        print("\n".join(table_lines(_HEADS, [_row(each) for each in outputs])))
    return EXIT_OK


def _row(output: dict[str, Any]) -> tuple[str, ...]:
    counts = [str(output.get(f"{each}Records", 0)) for each in ("sent", "waiting", "refused", "dropped")]
    lag = f"{float(output.get('lagSeconds', 0)):.0f} s"
    return (output["name"], output["kind"], *counts[:2], lag, *counts[2:], output.get("failing") or "no")


OUTPUTS = Command(
    name="logs outputs",
    help="how far records have come that are sent on: sent, waiting, refused, and why an output fails",
    example="modelway logs outputs",
    add_arguments=_add_arguments,
    run=_run,
)
