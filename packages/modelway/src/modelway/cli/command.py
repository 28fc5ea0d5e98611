"""What a verb of the command line is: a name, its arguments and a function that returns an exit code."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A verb. Its module is imported only when the verb is used, and names this value `COMMAND`.

    Args:
        name: The word after `modelway`.
        help: One line for the list of verbs and the head of the verb's own help.
        example: A command line (or several) shown at the end of the verb's help.
        add_arguments: Declares options and arguments, sub-verbs too, on the verb's parser.
        run: Does it and returns an exit code; a `ModelwayError` it raises is printed and becomes exit code 1.
        more: Verbs of its own beside the arguments it takes: `modelway logs query` beside `modelway logs TARGET`.
    """

    name: str
    help: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    more: Mapping[str, "Command"] = field(default_factory=dict[str, "Command"])


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps line breaks of examples; use it for sub-verbs, too."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def make_parser(command: Command) -> argparse.ArgumentParser:
    """The verb's parser, with its example below the options."""
    example = "\n".join(f"  {line}" for line in command.example.strip().splitlines())
    parser = argparse.ArgumentParser(
        prog=f"modelway {command.name}",
        description=command.help,
        epilog=f"example:\n{example}" if example else None,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser
