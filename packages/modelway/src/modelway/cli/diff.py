"""`modelway diff`: what applying documents would change and what would follow from it; changes nothing."""

import argparse

from modelway.cli.apply import apply_files, print_results, read_files
from modelway.cli.command import EXIT_ERROR, EXIT_OK, Command
from modelway.cli.connect import add_connection_options, open_control
from modelway.cli.showing.document_problems import print_problems
from modelway.cli.showing.output import note
from modelway.errors import InvalidDocumentError

EXIT_DIFFERENT = 3


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        required=True,
        metavar="FILE",
        help="a file of documents, a folder of such files (*.yaml, *.yml, *.json), or - for stdin; may be repeated",
    )
    parser.add_argument(
        "--exit-code", action="store_true", help=f"end with status {EXIT_DIFFERENT} if anything would change"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    files = read_files(args.file)
    with open_control(args) as client:
        try:
            results = apply_files(client, files, dry_run=True)
        except InvalidDocumentError as error:
            print_problems(error, files)
            return EXIT_ERROR
    changed = [result for result in results if result.action != "unchanged"]
    if args.output == "json" or changed:
        print_results(results if args.output == "json" else changed, dry_run=True, output=args.output)
    else:
        note("what is declared is what the files say")
    return EXIT_DIFFERENT if changed and args.exit_code else EXIT_OK


COMMAND = Command(
    name="diff",
    help="what an apply would change, restart and do to traffic",
    example="modelway diff -f deploy/\nmodelway diff -f deploy/digits.yaml --exit-code || modelway apply -f deploy/digits.yaml",
    add_arguments=_add_arguments,
    run=_run,
)
