"""`modelway check`: what a package of this project would be refused for, and how to fix it."""

import argparse
from pathlib import Path

from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command
from modelway.cli.package import add_timeout
from modelway.cli.showing.output import Steps, counted, note, paint, seconds_text
from modelway.cli.showing.signature_changes import print_comparison
from modelway.cli.showing.table_text import Cell, printable, table_lines
from modelway.errors import InvalidRequestError, ModelwayError
from modelway.packaging import read_manifest
from modelway.packaging.examine import Examination, examine
from modelway.packaging.rehearse import Outcome, Rehearsal
from modelway.signature import Signature
from modelway.signature.flow_text import flow_lines
from modelway.signature.running_text import fields_text, running_text

EXAMPLE = """
modelway check         # the project here
modelway check digits  # another one
modelway check --against digits-1.0.0.mwpkg  # and whether its callers can stay as they are
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="project folder (default: here)"
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="PACKAGE",
        help="also say whether callers of this package (.mwpkg) can go on with the project's signature; "
        "with a package in place of DIR the two are compared without running anything",
    )
    add_timeout(parser)


def run(arguments: argparse.Namespace) -> int:
    """Examines the project and prints all that was found."""
    if arguments.directory.is_file():
        if arguments.against is None:
            hint = f"modelway check {arguments.directory} --against OLDER.mwpkg"
            raise InvalidRequestError("a package was checked when it was made; compare it with another", hint=hint)
        return print_comparison(
            read_manifest(arguments.against), Signature.from_json(read_manifest(arguments.directory).signature)
        )
    older = None if arguments.against is None else read_manifest(arguments.against)  # before the long part
    with Steps() as steps:
        found = examine(arguments.directory, steps, timeout_seconds=arguments.timeout)
    note("")
    if found.rehearsal:
        _print_rehearsal(found.rehearsal)
    for remark in found.remarks:
        _print_finding(remark, paint("note", "yellow"))
    for problem in found.problems:
        _print_finding(problem, paint("problem", "red"))
    print(_verdict(found))
    status = EXIT_ERROR if found.problems else EXIT_OK
    if older is not None and found.rehearsal:
        print()
        status = max(status, print_comparison(older, Signature.from_json(found.rehearsal.signature)))
    return status


def _print_rehearsal(rehearsal: Rehearsal) -> None:
    signature = Signature.from_json(rehearsal.signature)
    endpoints = [
        (each.name, fields_text(each), each.output.label, running_text(each) or "one by one")
        for each in signature.endpoints
    ]
    print("\n".join(table_lines(("endpoint", "takes", "answers", "runs"), endpoints)), end="\n\n")
    drawing = flow_lines(signature)
    if drawing:
        print(printable("\n".join(drawing)), end="\n\n")
    examples = [
        (str(number), outcome.example.endpoint, _result(outcome), seconds_text(outcome.seconds))
        for number, outcome in enumerate(rehearsal.outcomes, start=1)
    ]
    if examples:
        print("\n".join(table_lines(("example", "endpoint", "result", "took"), examples)), end="\n\n")


def _result(outcome: Outcome) -> Cell:
    if outcome.problem:
        return Cell("wrong", "red")
    return Cell("as expected" if outcome.example.response is not None else "answered", "green")


def _print_finding(finding: ModelwayError, label: str) -> None:
    print(f"{label}: {finding.message}")
    if finding.hint:
        print(f"  fix: {finding.hint}")


def _verdict(found: Examination) -> str:
    if found.problems:
        count = len(found.problems)
        return paint(
            f"\n{count} problem{'s' if count > 1 else ''}: `modelway package` would refuse this project.", "red"
        )
    assert found.project is not None
    assert found.rehearsal is not None
    name = f"{found.project.name} {found.project.version}"
    answered = counted(len(found.rehearsal.outcomes), "golden example")
    loaded = seconds_text(found.rehearsal.load_seconds)
    return paint(f"ok: {name} loads in {loaded} and answers its {answered}. Next: modelway package", "green")


COMMAND = Command(
    name="check",
    help="Say what a package of this project would be refused for, and how to fix it.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
