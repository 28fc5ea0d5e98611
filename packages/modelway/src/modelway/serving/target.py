"""What `modelway serve TARGET` means: a class, a project folder, an unpacked package or an archive."""

import contextlib
import re
import tempfile
from collections.abc import Generator
from pathlib import Path

from modelway.errors import InvalidRequestError
from modelway.packaging import Example, extract, open_package, read_project
from modelway.packaging.golden_examples import read_examples
from modelway.packaging.manifest import MANIFEST_NAME
from modelway.serving.settings import Target

_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


@contextlib.contextmanager
def open_target(text: str) -> Generator[Target]:
    """The target `text` names, for as long as it is served; an archive lies in a temporary folder meanwhile.

    Raises:
        InvalidRequestError: Nothing of that kind is there.
        InvalidPackageError: A project or package that cannot be served.
    """
    path = Path(text)
    if path.is_dir():
        yield _package(path) if (path / MANIFEST_NAME).is_file() else _project(path)
    elif path.is_file():
        with tempfile.TemporaryDirectory(prefix="modelway-serve-") as work:
            folder = Path(work) / "package"
            extract(path, folder)
            yield _package(folder)
    elif _CLASS.fullmatch(text):
        here = str(Path.cwd())
        yield Target(handler=text, code=here, files=here, name=text.partition(":")[2].lower())
    else:
        raise InvalidRequestError(
            f"'{text}' is no folder, no file and no module:Class",
            hint="`modelway serve .` in a project folder, or `modelway serve module:Class`, or a .mwpkg file.",
        )


def _package(folder: Path) -> Target:
    package = open_package(folder.resolve())
    manifest = package.manifest
    return Target(
        handler=manifest.handler,
        code=str(package.code),
        files=str(package.files),
        name=manifest.name,
        version=manifest.version,
        examples=manifest.examples,
    )


def _project(folder: Path) -> Target:
    """While one develops, golden examples may still be missing; `modelway package` insists on them."""
    project = read_project(folder.resolve())
    examples_file = project.folder / project.examples
    examples: tuple[Example, ...] = read_examples(examples_file) if examples_file.is_file() else ()
    here = str(project.folder)
    return Target(
        handler=project.handler,
        code=here,
        files=here,
        name=project.name,
        version=project.version,
        examples=examples,
    )
