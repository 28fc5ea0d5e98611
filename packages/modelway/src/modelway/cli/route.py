"""`modelway route`: what routes do with a request."""

import argparse

from modelway.cli.command import Command, HelpFormatter
from modelway.cli.connect import open_control
from modelway.cli.explain import add_explain_arguments, explain


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="explain")
    add_explain_arguments(
        verbs.add_parser(
            "explain",
            help="which route, version and replica would answer a request, and why",
            formatter_class=HelpFormatter,
        )
    )


def _run(args: argparse.Namespace) -> int:
    with open_control(args) as client:
        return explain(client, args)


COMMAND = Command(
    name="route",
    help="explain what the gateway does with a request",
    example="modelway route explain /vision/digits/predict --as nightly\n"
    "modelway route explain http://gateway/api/v1/ocr/de -H 'X-Tenant: acme' --as nightly\n"
    "modelway route explain --request-id 9f0c-1a",
    add_arguments=_add_arguments,
    run=_run,
)
