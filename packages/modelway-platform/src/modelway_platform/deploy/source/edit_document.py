"""Changes fields of one document in a file and leaves all else as somebody wrote it: comments, order, form, other documents.

ruamel.yaml edits the text of that document alone, in the indentation under which it would come back unchanged. What comes out is
read again as the platform reads documents: it says exactly what was wanted, or the edit fails.
"""

import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import StringIO
from typing import Any, cast

from modelway_platform.deploy.api.reading.read_yaml import YamlRefusedError, read_yaml
from modelway_platform.domain.documents.document_json import document_to_json, kind_of, name_of
from modelway_platform.domain.documents.read_document import Written, documents_in, read_document

# A line that begins so ends the document before it, wherever it stands (YAML 1.2.2, 9.1.2, c-forbidden).
_BOUNDARY = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)
_INDENTATIONS = ((2, 4, 2), (2, 2, 0), (4, 4, 2), (4, 6, 4), (4, 4, 0), (2, 3, 1))
_ABSENT: Any = object()


class CannotEditError(Exception):
    """The file cannot be made to say it; the text says why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A change of one document: from one spec to another, both in normal form.

    What somebody else changed in other fields meanwhile stays theirs.
    """

    kind: str
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    item: int | None
    spec: dict[str, Any]


def edited(file: str, text: str, wanted: Wanted) -> str | None:
    """The text in which the document says what is wanted, equal to `text` where it does already; None if it is not there.

    Raises:
        CannotEditError: The document says something else in a field that would change, or has a form that cannot be kept.
    """
    if "\r\n" in text and "\n" not in text.replace("\r\n", ""):
        new = edited(file, text.replace("\r\n", "\n"), wanted)
        return None if new is None else new.replace("\n", "\r\n")
    found = _find(file, text, wanted)
    if found is None:
        return None
    target = merged(found.spec, wanted.before, wanted.after)
    if target == found.spec:
        return text
    piece = text[found.start : found.end]
    changed = _edit_json if file.lower().endswith(".json") else _edit_yaml
    for new_piece in changed(piece, found, target):
        new = text[: found.start] + new_piece + text[found.end :]
        again = _find(file, new, wanted)
        if again is not None and again.spec == target:
            return new
    raise CannotEditError(f"{file}: {wanted.kind} {wanted.name} has a form that cannot be changed by a program")


def merged(
    head: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], path: str = "spec"
) -> dict[str, Any]:
    """`head` with what differs from `before` to `after`.

    Raises:
        CannotEditError: It differs from `before` itself, in one of these fields.
    """
    result = dict(head)
    for key in [*before, *(key for key in after if key not in before)]:
        old, new, here = before.get(key, _ABSENT), after.get(key, _ABSENT), head.get(key, _ABSENT)
        if old == new or here == new:  # noqa: PLR1714 - a set would hash them, which mappings are not
            continue
        if all(isinstance(each, dict) for each in (old, new, here)):
            result[key] = merged(here, old, new, f"{path}.{key}")
        elif here != old:
            said = "absent" if here is _ABSENT else json.dumps(here)
            expected = "absent" if old is _ABSENT else json.dumps(old)
            raise CannotEditError(f"{path}.{key} is {said} in the branch, {expected} was expected: somebody changed it")
        elif new is _ABSENT:
            del result[key]
        else:
            result[key] = new
    return result


def _find(file: str, text: str, wanted: Wanted) -> _Found | None:
    for start, end in _pieces(text):
        try:
            nodes = read_yaml(text[start:end])
        except YamlRefusedError:
            continue
        documents = documents_in(nodes)
        listed = len(documents) != 1 or (bool(nodes) and documents[0] is not nodes[0])
        for number, node in enumerate(documents):
            read = read_document(file, node)
            if isinstance(read, Written) and (kind_of(read.document), name_of(read.document)) == (
                wanted.kind,
                wanted.name,
            ):
                return _Found(start, end, number if listed else None, document_to_json(read.document)["spec"])
    return None


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where each document of a file begins and ends; its `---` belongs to what is before it."""
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        yield start, boundary.start()
        start = boundary.end()
    yield start, len(text)


def _edit_yaml(piece: str, found: _Found, target: Mapping[str, Any]) -> Iterator[str]:
    """The edited piece in two ways: only the lines that differ put into the old text, else as a whole."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - 0.1 s, and only where something is written
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    lead, body = ("\n", piece[1:]) if piece.startswith("\n") else ("", piece)

    def load_and_dump(indentation: tuple[int, int, int], spec: Mapping[str, Any] | None) -> str:
        yaml: Any = YAML(typ="rt", pure=True)
        yaml.preserve_quotes = True
        yaml.width = 1_000_000
        yaml.indent(mapping=indentation[0], sequence=indentation[1], offset=indentation[2])
        document = yaml.load(body)
        if spec is not None:
            _set_spec(document, found, spec)
        out = StringIO()
        yaml.dump(document, out)
        return out.getvalue()

    try:
        unchanged = [(_distance(load_and_dump(each, None), body), each) for each in _INDENTATIONS]
        best = min(unchanged, key=lambda pair: pair[0])[1]
        base, new = load_and_dump(best, None), load_and_dump(best, target)
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CannotEditError(f"it has a form that cannot be changed by a program ({type(error).__name__})") from None
    if not body.endswith("\n"):
        base, new = base.removesuffix("\n"), new.removesuffix("\n")
    yield lead + _patched(body, base, new)
    yield lead + new


def _patched(body: str, base: str, new: str) -> str:
    """What differs between `base` and `new`, which a program wrote, put into what a person wrote of `base`."""
    ours, theirs, wanted = (each.splitlines(keepends=True) for each in (body, base, new))
    if len(ours) != len(theirs):
        return new
    found: list[str] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, theirs, wanted, autojunk=False).get_opcodes():
        found += ours[start:end] if tag == "equal" else wanted[new_start:new_end]
    return "".join(found)


def _distance(one: str, other: str) -> int:
    if one == other:
        return 0
    ours, theirs = one.splitlines(), other.splitlines()
    return 1 + abs(len(ours) - len(theirs)) + sum(a != b for a, b in zip(ours, theirs, strict=False))


def _edit_json(piece: str, found: _Found, target: Mapping[str, Any]) -> Iterator[str]:
    document = json.loads(piece)
    _set_spec(document, found, target)
    indented = re.search(r"\n([ \t]+)\S", piece)
    lead = piece[: len(piece) - len(piece.lstrip())]
    tail = piece[len(piece.rstrip()) :]
    separators = None if indented or '": ' in piece else (",", ":")
    text = json.dumps(document, indent=indented[1] if indented else None, separators=separators, ensure_ascii=False)
    yield lead + text + tail


def _set_spec(document: Any, found: _Found, target: Mapping[str, Any]) -> None:
    one = document if found.item is None else document["items"][found.item]
    _assign(one["spec"], found.spec, target)


def _assign(node: MutableMapping[str, Any], was: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Only what differs is touched; a default that nobody wrote is not written either."""
    for key in [*was, *(key for key in target if key not in was)]:
        old, new = was.get(key, _ABSENT), target.get(key, _ABSENT)
        if old == new:
            continue
        inner = node.get(key)
        if new is _ABSENT:
            node.pop(key, None)
        elif isinstance(old, dict) and isinstance(new, dict) and isinstance(inner, MutableMapping):
            _assign(cast("MutableMapping[str, Any]", inner), cast("dict[str, Any]", old), cast("dict[str, Any]", new))
            if not inner:
                node.pop(key)
        elif isinstance(old, list) and isinstance(new, list) and isinstance(inner, list):
            node[key] = _assigned(cast("list[Any]", inner), cast("list[Any]", old), cast("list[Any]", new))
        elif new != {} or inner is not None:
            node[key] = new


def _assigned(nodes: list[Any], was: list[Any], target: list[Any]) -> list[Any]:
    """The list itself with its items changed in their places, where there are as many; else another list."""
    if not len(nodes) == len(was) == len(target):
        return target
    for index, (node, old, new) in enumerate(zip(nodes, was, target, strict=True)):
        if old == new:
            continue
        if all(isinstance(each, dict) for each in (node, old, new)):
            _assign(node, old, new)
        else:
            nodes[index] = new
    return nodes
