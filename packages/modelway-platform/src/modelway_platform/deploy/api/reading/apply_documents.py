"""Applies files of documents: read, admitted against everything declared, and declared all at once or not at all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelway.errors import ConflictError, InvalidDocumentError, InvalidRequestError
from modelway_platform.deploy.api.reading.comparators import comparator_problems
from modelway_platform.deploy.api.reading.package_refusals import Refusal, no_refusal, refused_packages
from modelway_platform.deploy.api.reading.payload_patterns import payload_problems
from modelway_platform.deploy.api.reading.read_yaml import YamlRefusedError, read_yaml
from modelway_platform.deploy.reconcile.effects import effects_of
from modelway_platform.domain.access.actor import Author
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.admit_documents import problems_with, repeated_documents
from modelway_platform.domain.documents.admit_entries import entry_problems
from modelway_platform.domain.documents.admit_removals import needs_of
from modelway_platform.domain.documents.document_changes import Applied
from modelway_platform.domain.documents.document_json import Document, Kind, kind_of, name_of
from modelway_platform.domain.documents.read_document import Written, documents_in, is_digest, read_document
from modelway_platform.domain.parsing.document_node import Mark
from modelway_platform.domain.parsing.document_problem import Problem, problem_detail
from modelway_platform.domain.records import Declared, PackageRecord
from modelway_platform.domain.stages.stage import Stage
from modelway_platform.store.declared.documents import NO_REVISIONS, Documents
from modelway_platform.store.files.packages import PackageStore

MAX_FILES = 500
MAX_PROBLEMS_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFile:
    """A file of documents; its name is what problems are reported under."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """What is to be declared.

    Args:
        files: The documents.
        packages: The digest of each package that a document names by a path.
        expected: At which revision a document has to be, by `Kind/name`; 0: there must be none yet.
    """

    files: tuple[ApplyFile, ...]
    packages: Mapping[str, str]
    expected: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Documents that are well formed, with digests in place of paths: ready to be declared.

    Args:
        written: The documents with the places of their fields.
        texts: The files they come from, by name.
        known: Every package that may be named, by digest.
    """

    written: tuple[Written, ...]
    texts: Mapping[str, str]
    known: Mapping[str, PackageRecord]


def apply_documents(
    request: ApplyRequest,
    documents: Documents,
    packages: PackageStore,
    *,
    author: Author,
    dry_run: bool,
    may_change: Callable[[Iterable[str]], None] = lambda _: None,
    refusal: Refusal = no_refusal,
) -> tuple[Applied, ...]:
    """Declare what the files say.

    Raises:
        InvalidDocumentError: With every problem and its place in `details`. Nothing was changed.
        ConflictError: Code `package_needed`, with the packages to upload in `details`; or a document is not at the revision
            that is expected. Nothing was changed.
    """
    resolved = resolve_documents(request, documents, packages, dry_run=dry_run, may_change=may_change, refusal=refusal)
    expected = _expected(request.expected, resolved.written)
    return declare_documents(resolved, documents, author=author, dry_run=dry_run, expected=expected)


def _expected(given: Mapping[str, int], written: Sequence[Written]) -> dict[tuple[Kind, str], int]:
    """By kind and name; only documents of the files, for others may be none of the caller's business."""
    known = {f"{kind_of(each.document)}/{name_of(each.document)}": each.document for each in written}
    for name, number in given.items():
        if name not in known or number < 0:
            raise InvalidRequestError(
                f"expectedRevisions[{name[:100]!r}]: no document of the files, or no revision",
                hint='{"Deployment/vision/digits/v1": 3}',
            )
    return {(kind_of(known[name]), name_of(known[name])): number for name, number in given.items()}


def resolve_documents(
    request: ApplyRequest,
    documents: Documents,
    packages: PackageStore,
    *,
    dry_run: bool = False,
    may_change: Callable[[Iterable[str]], None] = lambda _: None,
    refusal: Refusal = no_refusal,
) -> Resolved:
    """Read the files; `may_change` is told the projects they are about, and raises where that is not allowed.

    `refusal` says why a project may not deploy a package that is here.

    Raises:
        InvalidDocumentError: With every problem and its place in `details`.
        ConflictError: Code `package_needed`, with the packages to upload in `details`.
    """
    if len(request.files) > MAX_FILES:
        raise InvalidRequestError(f"{len(request.files)} files at once; at most {MAX_FILES} are taken")
    texts = {file.name: file.text for file in request.files}
    if len(texts) < len(request.files):
        raise InvalidRequestError("two files have the same name", hint="each file needs its own")
    written, problems = _read(request.files)
    problems += repeated_documents(written)
    if not written and not problems:
        problems = [Problem(file=name, mark=Mark(1, 1), message="holds no document") for name in texts] or [
            Problem(file="(request)", mark=Mark(1, 1), message="names no file")
        ]
    may_change(dict.fromkeys(_project_of(item.document) for item in written))
    _refuse(problems, texts)
    resolved = _resolve_packages(written, request.packages, packages, dry_run=dry_run)
    _refuse(refused_packages(resolved, packages, refusal), texts)
    known = _known_packages(resolved, documents.declared(), packages)
    if dry_run:
        # What is to be uploaded is not here yet; that alone does not make the documents wrong.
        known |= {digest: _unseen(digest) for digest in request.packages.values() if digest not in known}
    return Resolved(written=tuple(resolved), texts=texts, known=known)


def declare_documents(
    resolved: Resolved,
    documents: Documents,
    *,
    author: Author,
    dry_run: bool = False,
    cause: str = "apply",
    without: Sequence[tuple[Kind, str]] = (),
    expected: Mapping[tuple[Kind, str], int] = NO_REVISIONS,
) -> tuple[Applied, ...]:
    """Declare documents, and that those of `without` go, all at once or not at all.

    Raises:
        InvalidDocumentError: With every problem and its place in `details`. Nothing was changed.
        ConflictError: Something of `without` is still needed, or one of `expected` is at another revision. Nothing was changed.
    """
    written = resolved.written
    before, seen = documents.declared(), list[Declared]()

    def admit(after: Declared) -> None:
        seen.append(after)
        found = [*problems_with(written, after, resolved.known), *entry_problems(written, before, after)]
        _refuse([*found, *comparator_problems(written), *payload_problems(written)], resolved.texts)
        for kind, name in without:
            for needed in needs_of(kind, name, after):
                raise ConflictError(f"{kind} {name} cannot go: {needed.message}", hint=needed.hint)

    wanted = {(kind_of(item.document), name_of(item.document)): item.document for item in written}
    applied = documents.apply(
        list(wanted.values()),
        author=author,
        dry_run=dry_run,
        cause=cause,
        without=without,
        admit=admit,
        expected=expected,
    )
    return tuple(
        replace(item, effects=effects_of(wanted[item.kind, item.name], before, seen[-1]))
        if (item.kind, item.name) in wanted
        else item
        for item in applied
    )


def _project_of(document: Document) -> str:
    """Empty for what only whoever may change everything may change: who may deploy does not say what is asked of deployments."""
    return "" if isinstance(document, Cluster | Stage) else document.key.project


def _read(files: Sequence[ApplyFile]) -> tuple[list[Written], list[Problem]]:
    written: list[Written] = []
    problems: list[Problem] = []
    for file in files:
        try:
            nodes = read_yaml(file.text)
        except YamlRefusedError as error:
            problems.append(Problem(file=file.name, mark=error.mark, message=error.message, hint=error.hint))
            continue
        for node in documents_in(nodes):
            read = read_document(file.name, node)
            if isinstance(read, Written):
                written.append(read)
            else:
                problems.extend(read)
    return written, problems


def _refuse(problems: Sequence[Problem], texts: Mapping[str, str]) -> None:
    if not problems:
        return
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise InvalidDocumentError(
        f"{first.file}:{first.mark.line}:{first.mark.column}: {first.message}{more}",
        hint=first.hint,
        details=tuple(
            problem_detail(problem, texts.get(problem.file, "")) for problem in problems[:MAX_PROBLEMS_SHOWN]
        ),
    )


def _resolve_packages(
    written: Sequence[Written], digests: Mapping[str, str], packages: PackageStore, *, dry_run: bool
) -> list[Written]:
    """The documents with digests in place of paths."""
    resolved: list[Written] = []
    needed: list[dict[str, str]] = []
    for item in written:
        document = item.document
        if not isinstance(document, Deployment) or is_digest(document.package):
            resolved.append(item)
            continue
        digest = digests.get(document.package)
        if digest is not None and not is_digest(digest):
            raise InvalidRequestError(f"packages: {digest[:100]!r} is not a digest", hint="sha256: and 64 hex digits")
        if digest is None or not (dry_run or packages.has(digest)):
            needed.append({"file": item.file, "path": document.package})
            continue
        resolved.append(replace(item, document=replace(document, package=digest)))
    if needed:
        raise ConflictError(
            f"{len(needed)} package(s) have to be uploaded first: {needed[0]['path'][:200]}",
            hint="POST /v1/packages, then apply again with their digests; `modelway apply` does so by itself",
            code="package_needed",
            details=tuple(needed),
        )
    return resolved


def _known_packages(written: Sequence[Written], declared: Declared, packages: PackageStore) -> dict[str, PackageRecord]:
    digests = {record.deployment.package for record in declared.deployments}
    digests |= {item.document.package for item in written if isinstance(item.document, Deployment)}
    return {digest: packages.get(digest) for digest in digests if packages.has(digest)}


def _unseen(digest: str) -> PackageRecord:
    return PackageRecord(digest=digest, name="", version="", size=0, endpoints=(), added_at=0.0)
