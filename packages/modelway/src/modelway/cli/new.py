"""`modelway new`: a small project that works before anything in it is changed."""

import argparse
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.project_template import TEMPLATES
from modelway.cli.showing.near_path import near_path
from modelway.cli.showing.output import note
from modelway.errors import ConflictError, InvalidRequestError
from modelway.packaging.manifest import NAME

EXAMPLE = "modelway new greeter && cd greeter && modelway check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("path", type=Path, metavar="NAME", help="name of the model, or a path that ends in it")
    parser.add_argument(
        "--template", choices=sorted(TEMPLATES), default="hello", help="what to start from (default: hello)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the project."""
    folder: Path = arguments.path
    name = folder.resolve().name
    if not NAME.fullmatch(name):
        message = f"{name!r} cannot be a model's name: it becomes part of a URL"
        raise InvalidRequestError(
            message, hint="use a-z, 0-9 and '-', at most 63 characters, as in `modelway new my-model`."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} exists and is not empty", hint="choose another name, or remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in TEMPLATES[arguments.template].items():
        (folder / file).write_text(text.replace("NAME", name), encoding="utf-8")
        print(near_path(folder / file))
    change = "" if folder.resolve() == Path.cwd() else f"cd {near_path(folder)} && "
    note(f"\nnext: {change}modelway check && modelway serve .")
    return EXIT_OK


COMMAND = Command(
    name="new",
    help="Start a project that works: handler, test, golden examples.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
