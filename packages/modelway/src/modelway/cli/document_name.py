"""How a verb is told which deployments and routes it is about."""

import argparse
from dataclasses import dataclass

from modelway.client.control_client import DocumentKind, object_path
from modelway.errors import InvalidRequestError

_KINDS: dict[str, DocumentKind] = {
    "deployment": "deployments",
    "deployments": "deployments",
    "route": "routes",
    "routes": "routes",
    "cluster": "clusters",
    "clusters": "clusters",
    "stage": "stages",
    "stages": "stages",
    "rollout": "rollouts",
    "rollouts": "rollouts",
}


@dataclass(frozen=True, slots=True)
class DocumentName:
    """One deployment (`project/model/version`), route or rollout (`project/model`), stage (`project/stage`) or cluster."""

    kind: DocumentKind
    name: str

    @property
    def word(self) -> str:
        """`deployment`, `route`, `rollout`, `stage` or `cluster`."""
        return self.kind.removesuffix("s")

    def __str__(self) -> str:
        return f"{self.word} {self.name}"


def add_document_names(parser: argparse.ArgumentParser, *, several: bool) -> None:
    """`deployment PROJECT/MODEL/VERSION`, `route PROJECT/MODEL`, `stage PROJECT/STAGE`, `cluster NAME`, or the `kind/name` that `get -o name` prints."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="NAME",
        help="deployment PROJECT/MODEL/VERSION, route PROJECT/MODEL, rollout PROJECT/MODEL, stage PROJECT/STAGE or cluster NAME"
        + ("; several names may follow" if several else "")
        + "; KIND/NAME as `get -o name` prints it is understood, too",
    )
    parser.set_defaults(usage_error=parser.error, several=several)


def document_names(args: argparse.Namespace, *, else_of: DocumentKind | None = None) -> list[DocumentName]:
    """What the words name; wrong usage ends the command with status 2. A name without a kind is one of `else_of`."""
    words: list[str] = args.words
    try:
        names = _names(words, else_of)
    except InvalidRequestError as error:
        args.usage_error(f"{error.message}; {error.hint}")
        raise
    if len(names) > 1 and not args.several:
        args.usage_error("one name at a time, please")
    return names


def _names(words: list[str], else_of: DocumentKind | None) -> list[DocumentName]:
    kind = _KINDS.get(words[0])
    if kind is not None and len(words) == 1:
        raise InvalidRequestError(f"which {words[0]}?", hint=f"`modelway get {kind}` lists them")
    if kind is not None:
        return [_checked(kind, word) for word in words[1:]]
    return [_split(word, else_of) for word in words]


def _split(word: str, else_of: DocumentKind | None) -> DocumentName:
    head, slash, name = word.partition("/")
    if else_of is not None and head not in _KINDS:
        return _checked(else_of, word)
    if not slash or head not in _KINDS:
        raise InvalidRequestError(
            f"{word!r} does not say what it is",
            hint="write deployment PROJECT/MODEL/VERSION, route PROJECT/MODEL, stage PROJECT/STAGE or cluster NAME",
        )
    return _checked(_KINDS[head], name)


def _checked(kind: DocumentKind, name: str) -> DocumentName:
    object_path(kind, name)
    return DocumentName(kind, name)
