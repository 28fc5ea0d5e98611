"""`modelway package`: makes the archive that is deployed."""

import argparse
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.showing.near_path import near_path
from modelway.cli.showing.output import Steps, counted, note, paint, size_text
from modelway.cli.showing.package_report import content_lines
from modelway.cli.sign_package import sign_package
from modelway.packaging import build, read_project
from modelway.packaging.ignore_file import IGNORE_FILE
from modelway.packaging.project_files import ignored_by_file

EXAMPLE = """
modelway package                 # the project here, into ./dist
modelway package digits -o /tmp  # another project, to another folder
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="project folder (default: here)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="where the archive goes (default: DIR/dist)")
    parser.add_argument(
        "--verify", action="store_true", help="answer the golden examples in a fresh environment made of the lock, too"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="measure latency and memory by batch size and keep them in the manifest (the digest then varies)",
    )
    parser.add_argument(
        "--report", action="store_true", help="list every file with its size, and what .modelwayignore leaves out"
    )
    parser.add_argument("--sign", type=Path, metavar="KEY", help="sign it with this private key (modelway sign)")
    add_timeout(parser)


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """The option of verbs that rehearse a handler."""
    parser.add_argument(
        "--timeout",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="how long loading the handler and answering the golden examples may take (default: 120)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Builds the package and prints where it is."""
    with Steps() as steps:
        built = build(
            arguments.directory,
            arguments.output,
            steps,
            timeout_seconds=arguments.timeout,
            fresh=arguments.verify,
            profile=arguments.profile,
        )
    path = near_path(built.path)
    manifest = built.manifest
    framework = f"{manifest.framework.name} {manifest.framework.version}".strip()
    examples = counted(len(manifest.examples), "golden example")
    held = f"{counted(len(manifest.files), 'file')}, {examples} answered, {framework}"
    print(f"{paint('package', 'bold')}  {path}")
    print(f"{paint('digest', 'bold')}   {built.digest}")
    print(f"{paint('size', 'bold')}     {size_text(built.path.stat().st_size)}")
    print(f"{paint('holds', 'bold')}    {held}")
    for line in content_lines(manifest, whole=arguments.report):
        print(line)
    if arguments.report and (left_out := ignored_by_file(read_project(arguments.directory))):
        print(f"left out by {IGNORE_FILE}: {', '.join(left_out)}")
    if arguments.sign is not None:
        sign_package(built.path, arguments.sign)
    note(f"\nnext: modelway serve {path}")
    return EXIT_OK


COMMAND = Command(
    name="package",
    help="Make the archive that is deployed; refused unless it answers its own golden examples.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
