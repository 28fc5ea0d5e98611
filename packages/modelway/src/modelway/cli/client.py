"""`modelway client`: a typed Python package with which others call a model."""

import argparse
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.showing.output import Steps, note, paint
from modelway.client.connection import find_connection
from modelway.client.generator import Described, package_files
from modelway.client.http_client import HttpClient
from modelway.errors import InvalidRequestError
from modelway.packaging import read_manifest
from modelway.packaging.examine import examine
from modelway.serving.pages.openapi import signature_in
from modelway.signature import Signature

EXAMPLE = """
modelway client generate digits-1.0.0.mwpkg -o digits-client      # of a package
modelway client generate . -o digits-client                       # of a project
modelway client generate http://127.0.0.1:8080 -o digits-client   # of a model server
pip install ./digits-client
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="generate")
    generate = verbs.add_parser("generate", help="write the package's files", formatter_class=HelpFormatter)
    add = generate.add_argument
    add("source", metavar="SOURCE", help="a package (.mwpkg), a project folder, or the URL of a model server")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="where the files go; those there are replaced")
    add("--name", default="", metavar="NAME", help="of the package; default: the model's, with -client behind it")
    add(
        "--arrays",
        choices=("numpy", "lists"),
        default="numpy",
        help="what arrays are in Python; lists need no numpy; default: numpy",
    )


def _run(arguments: argparse.Namespace) -> int:
    described = _described(arguments.source)
    files = package_files(described, name=arguments.name, arrays=arguments.arrays, sdk=_sdk_version())
    _write(arguments.output, files)
    note(f"{len(described.signature.endpoints)} endpoints in {len(files)} files")
    print(paint(f"made {arguments.output}", "green"))
    print(f"  pip install {arguments.output if arguments.output.is_absolute() else f'./{arguments.output}'}")
    return EXIT_OK


def _described(source: str) -> Described:
    if source.startswith(("http://", "https://")):
        return _of_server(source)
    path = Path(source)
    if path.is_dir():
        return _of_project(path)
    if path.is_file():
        manifest = read_manifest(path)
        return Described(
            name=manifest.name, version=manifest.version, signature=Signature.from_json(manifest.signature)
        )
    raise InvalidRequestError(
        f"'{source}' is no package, no folder and no URL", hint="for example digits-1.0.0.mwpkg, or . for a project"
    )


def _of_server(url: str) -> Described:
    server = find_connection(gateway_url=url).gateway
    hints = {"unreachable": "give the address that `modelway serve` printed"}
    with HttpClient(url, headers=server.headers, ca_file=server.ca_file, hints=hints) as client:
        document = client.request("GET", "/openapi.json").json()
    signature = signature_in(document)
    information = document["info"]
    given = str(information["version"])
    return Described(
        name=str(information["title"]).rpartition("/")[2], version="" if given == "0" else given, signature=signature
    )


def _of_project(folder: Path) -> Described:
    with Steps() as steps:
        found = examine(folder, steps)
    if found.project is None or found.rehearsal is None:
        raise found.problems[0]
    signature = Signature.from_json(found.rehearsal.signature)
    return Described(name=found.project.name, version=found.project.version, signature=signature)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files; modules of an earlier making that are not among them any more go.

    Raises:
        InvalidRequestError: They cannot be written.
    """
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8", newline="\n")
        source = next((folder / path).parent for path in files if path.endswith("/py.typed"))
        if (source / "types.py").exists() and not any(path.endswith("/types.py") for path in files):
            (source / "types.py").unlink()
    except OSError as error:
        raise InvalidRequestError(f"cannot write below {folder}: {error.strerror}") from error


def _sdk_version() -> str:
    try:
        return version("modelway")
    except PackageNotFoundError:  # a copied folder, as in a replica's environment
        return ""


COMMAND = Command(
    name="client",
    help="Make a typed Python package with which others call a model: a method per endpoint, blocking and for asyncio.",
    example=EXAMPLE,
    add_arguments=_add_arguments,
    run=_run,
)
