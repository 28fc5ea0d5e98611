"""What callers of an older package have to change, as a table and an exit code."""

from modelway.cli.command import EXIT_ERROR, EXIT_OK
from modelway.cli.showing.output import paint
from modelway.cli.showing.table_text import Cell, table_lines
from modelway.packaging import Manifest
from modelway.signature import Signature
from modelway.signature.compatibility import Change, compare, is_compatible


def print_comparison(older: Manifest, signature: Signature) -> int:
    """Prints what changed since the package with the manifest `older`; an error status if callers have to change."""
    changes = compare(Signature.from_json(older.signature), signature)
    name = f"{older.name} {older.version}"
    if not changes:
        print(paint(f"same signature as {name}", "green"))
        return EXIT_OK
    print("\n".join(table_lines(("effect", "where", "what"), map(_row, changes))))
    if is_compatible(changes):
        print(paint(f"compatible: callers of {name} can stay as they are", "green"))
        return EXIT_OK
    print(paint(f"not compatible: callers of {name} have to change; give it another model name or tell them", "red"))
    return EXIT_ERROR


def _row(change: Change) -> tuple[Cell | str, ...]:
    return Cell(change.effect, "red" if change.effect == "breaking" else "green"), change.where, change.what
