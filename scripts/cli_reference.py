#!/usr/bin/env python3
"""Print docs/cli.md, the reference of the command line, from the commands' own help.

scripts/cli_reference.py            print it
scripts/cli_reference.py --write    put it into docs/cli.md
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from modelway.cli.command import Command, make_parser
from modelway.cli.main import VERBS, find_command, plugin_verbs

TARGET = Path(__file__).resolve().parent.parent / "docs/cli.md"
HEAD = """# Command line

`modelway COMMAND -h` says the same as this page, which is printed from it.

Data goes to stdout, progress and errors to stderr, so that output can be piped. Exit status 0 is success, 1 an error, 2 wrong usage. An error is
`error[code]: message`, with a `hint` where there is something to do; the codes are [here](errors.md). `NO_COLOR` turns colours off; off a terminal there are none.

Commands that speak to a platform find it, and their key, by `--url` and `--key`, else by `MODELWAY_URL`, `MODELWAY_GATEWAY_URL` and
`MODELWAY_KEY`, else by the `context.json` that `modelway up` wrote into `$MODELWAY_HOME` (`~/.modelway` unless set).

A deployment is named `PROJECT/MODEL/VERSION`, a route `PROJECT/MODEL`.
"""
ON_YOUR_MACHINE = ("new", "check", "serve", "package")


def subparsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of a verb's own verbs, such as `key create`."""
    # argparse has no public way to list them.
    actions: list[Any] = parser._actions  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    for action in actions:
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            found: Any = action  # pyright: ignore[reportUnknownVariableType] - of parsers of parsers
            yield from cast("dict[str, argparse.ArgumentParser]", found.choices).values()


def section(command: Command) -> str:
    """One verb with its options, and those of its own verbs."""
    parser = make_parser(command)
    more = [make_parser(each) for each in command.more.values()]
    texts = [each.format_help().strip() for each in (parser, *subparsers(parser), *more)]
    blocks = "\n\n".join(f"```text\n{text}\n```" for text in texts)
    return f"### `modelway {command.name}`\n\n{blocks}\n"


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, names in (
        ("On your machine", ON_YOUR_MACHINE),
        ("With a platform", (*sorted(plugin_verbs()), *(name for name in VERBS if name not in ON_YOUR_MACHINE))),
    ):
        parts.append(f"## {title}\n")
        for name in names:
            command = find_command(name)
            assert command is not None
            parts.append(section(command))
    return "\n".join(parts)


def main() -> int:
    """Print or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/cli.md")
    options = parser.parse_args()
    os.environ["COLUMNS"] = "110"  # argparse folds its help to the terminal's width
    if options.write:
        TARGET.write_text(render(), encoding="utf-8")
    else:
        print(render(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
