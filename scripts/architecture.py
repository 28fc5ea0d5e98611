#!/usr/bin/env python3
"""Print ARCHITECTURE.md's module map from the modules' own opening lines, or check that it is up to date.

scripts/architecture.py            print the map
scripts/architecture.py --write    put it into ARCHITECTURE.md
scripts/architecture.py --check    fail on drift, or on a module without an opening line
"""

import argparse
import ast
import configparser
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
SOURCES = (("modelway", ROOT / "packages/modelway/src"), ("modelway_platform", ROOT / "packages/modelway-platform/src"))
BEGIN = "<!-- module map: printed by scripts/architecture.py, do not edit -->"
END = "<!-- end of the module map -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module, with the line that says what it is for."""

    name: str
    depth: int
    is_package: bool
    opening: str


def opening_line(path: Path) -> str:
    """First line of a module's docstring; empty when it has none."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return docstring.splitlines()[0].strip() if docstring else ""


def modules(package: str, source: Path) -> Iterator[Module]:
    """Every module of a distribution, a package before what it holds."""
    root = source / package
    for path in sorted(
        root.rglob("*.py"), key=lambda path: [part.removesuffix(".py") for part in _parts(path, source)]
    ):
        parts = _parts(path, source)
        if parts[-1] == "__main__.py" or parts[-1].startswith("_version"):
            continue
        names = parts[:-1] if parts[-1] == "__init__.py" else (*parts[:-1], parts[-1].removesuffix(".py"))
        yield Module(
            name=".".join(names),
            depth=len(names) - 1,
            is_package=parts[-1] == "__init__.py",
            opening=opening_line(path),
        )


def _parts(path: Path, source: Path) -> tuple[str, ...]:
    parts = path.relative_to(source).parts
    return parts if parts[-1] != "__init__.py" else (*parts[:-1], "__init__.py")


def layers() -> Iterator[str]:
    """The import contracts that .importlinter enforces, as the picture of the layers."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    for section in contracts.sections():
        rules = contracts[section]
        if rules.get("type") != "layers":
            continue
        yield f"{rules['containers'].split()[0]}: {rules['name'][0].lower()}{rules['name'][1:]}"
        yield ""
        rows = [row.strip() for row in rules["layers"].strip().splitlines()]
        width = max(len(row) for row in rows) + 4
        for row in rows:
            yield f"    {row:^{width}}".rstrip()
            if row is not rows[-1]:
                yield f"    {'↓':^{width}}".rstrip()
        yield ""


def render() -> str:
    """The generated part of ARCHITECTURE.md."""
    lines = [
        BEGIN,
        "",
        "## Layers",
        "",
        "An arrow reads “may import”; `|` separates siblings that never import each other.",
        "",
    ]
    lines += ["```text", *list(layers())[:-1], "```", ""]
    for package, source in SOURCES:
        found = list(modules(package, source))
        lines += [f"## `{package}`", "", "| room | what for | modules |", "|---|---|---:|"]
        lines += [room(each, found) for each in found if each.is_package]
        lines += ["", "<details><summary>Every module</summary>", "", "| module | what for |", "|---|---|"]
        lines += [f"{label(each)} {words(each)} |" for each in found]
        lines += ["", "</details>", ""]
    return "\n".join([*lines, END])


def room(package: Module, found: list[Module]) -> str:
    """A package's row: how many modules lie in it itself tells how much there is to read."""
    inside = sum(not each.is_package and each.name.rpartition(".")[0] == package.name for each in found)
    return f"{label(package)} {words(package)} | {inside or ''} |"


def label(module: Module) -> str:
    """The cell with a module's name, as deep as it lies."""
    name = f"**`{module.name}`**" if module.is_package else f"`{module.name}`"
    return f"| {'&emsp;' * max(0, module.depth - 1)}{name} |"


def words(module: Module) -> str:
    """The cell with what it is for."""
    return module.opening.replace("|", "&#124;")


def problems(page: str) -> Iterator[str]:
    """What `--check` complains about."""
    for package, source in SOURCES:
        for module in modules(package, source):
            if not module.opening:
                yield f"{module.name}: no opening line; start its docstring with what the module is for"
    if generated_part(page) != render():
        yield "ARCHITECTURE.md: the module map is not what the code says; run scripts/architecture.py --write"


def generated_part(page: str) -> str:
    """The part of the page between the markers; empty when a marker is missing."""
    start, end = page.find(BEGIN), page.find(END)
    return page[start : end + len(END)] if 0 <= start < end else ""


def main() -> int:
    """Print, write or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail on drift or on a module without an opening line")
    parser.add_argument("--write", action="store_true", help="put the map into ARCHITECTURE.md")
    options = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if options.check:
        found = list(problems(page))
        for problem in found:
            print(problem, file=sys.stderr)
        return 1 if found else 0
    if not options.write:
        print(render())
        return 0
    old = generated_part(page)
    PAGE.write_text(page.replace(old, render()) if old else f"{page.rstrip()}\n\n{render()}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
