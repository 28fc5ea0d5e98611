"""`modelway import`: a project out of a model that was packaged for another server, and what could not be carried over."""

import argparse
import json
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.near_path import near_path
from modelway.cli.showing.output import Style, note
from modelway.cli.showing.table_text import Cell, one_line, table_lines
from modelway.importing import Importing, import_project

EXAMPLE = """
modelway import resnet.mar                         # a TorchServe archive
modelway import models/iris                        # a folder with model-settings.json (MLServer) or MLmodel (MLflow)
modelway import models/iris --output iris -o json  # into a folder of your choice, the report as JSON
"""
_STYLES: dict[str, Style] = {"carried over": "green", "changed": "yellow", "not carried over": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("source", type=Path, metavar="SOURCE", help="a .mar archive, or a folder of MLServer or MLflow")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the project's folder (default: one of the model's name, here)"
    )
    parser.add_argument("--name", default="", help="the model's name (default: as in the source)")
    parser.add_argument("--version", default="", help="its version (default: as in the source, or 1.0.0)")
    parser.add_argument(
        "--example",
        type=Path,
        metavar="FILE",
        help="a request to the old server, JSON; becomes a golden example, which a package needs",
    )
    parser.add_argument(
        "-o", dest="form", choices=("table", "json"), default="table", help="how the report is printed (default: table)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Imports, and prints the report."""
    how = Importing(name=arguments.name, version=arguments.version, example=arguments.example)
    folder, report = import_project(arguments.source, arguments.output, how)
    if arguments.form == "json":
        print(json.dumps(report.to_json() | {"project": str(folder)}, ensure_ascii=False, indent=2))
        return EXIT_OK
    rows = [
        (one_line(each.thing), Cell(each.fate, _STYLES[each.fate]), one_line(each.how), one_line(each.todo))
        for each in report.items
    ]
    print("\n".join(table_lines(("thing", "what became of it", "how", "to do"), rows)))
    print(f"\n{report.kind} → {near_path(folder)} ({report.name} {report.version})")
    change = "" if folder.resolve() == Path.cwd() else f"cd {near_path(folder)} && "
    note(f"the report is in import-report.md\nnext: {change}modelway check && modelway serve .")
    return EXIT_OK


COMMAND = Command(
    name="import",
    help="Make a project of a model packaged for TorchServe, MLServer or MLflow, and report what could not be carried over.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
