"""The child process that writes one commit to a branch and pushes it: reads the branch anew, changes one document, keeps all else.

A question comes in as JSON on standard input, the answer goes out on standard output; see `WriteQuestion` and `WriteAnswer`. The
same limits hold as for looking. Nothing is kept here: whoever is killed in this is asked again, and finds what was pushed.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from modelway_platform.deploy.source.fetch_commit import http_client, set_limits, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dulwich.objects import Commit, ObjectID, ShaFile, Tree
    from dulwich.refs import Ref
    from dulwich.repo import Repo

    from modelway_platform.deploy.source.commit_files import CommitFile

State = Literal["pushed", "unchanged", "moved", "declined", "refused", "unreachable"]
_COMMITTER = b"Modelway <noreply@modelway.invalid>"


class WriteQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which document of which branch changes from one spec to another, in normal form; from the first that fits of `before` and `or_before`.

    `push_to` is the branch that gets the commit: the same one, or one of its own to be merged. `mark` is a line of the message that no
    other commit has.
    """

    repository: str
    branch: str
    path: str
    credentials: str
    kind: str
    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    push_to: str
    author: str
    message: str
    mark: str
    or_before: tuple[dict[str, Any], ...] = ()


class WriteAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of it.

    `pushed`: the branch has `commit`. `unchanged`: the branch says it already. `moved`: somebody pushed meanwhile, ask again. `declined`: the other side
    would not take it. `refused`: the branch says something else, or what it holds cannot be edited. `unreachable`: ask again later.
    """

    state: State
    message: str = ""
    commit: str = ""


class _RefusedError(Exception):
    """The text says why, for people."""


class _MovedError(Exception):
    """Somebody was faster."""


def main() -> int:
    """Answers one question; returns the exit status."""
    set_limits()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=WriteQuestion)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        answer = write(question, Path(folder))
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


def write(question: WriteQuestion, folder: Path) -> WriteAnswer:
    """The answer; what is fetched is kept below `folder`."""
    from dulwich.errors import GitProtocolError, HangupException, NotGitRepository  # noqa: PLC0415 - once the limits hold
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    from modelway_platform.deploy.source.commit_files import RefusedCommitError  # noqa: PLC0415
    from modelway_platform.deploy.source.edit_document import CannotEditError  # noqa: PLC0415

    try:
        return _write(question, folder)
    except _MovedError:
        return WriteAnswer(state="moved", message="somebody pushed meanwhile")
    except (_RefusedError, CannotEditError, RefusedCommitError, MemoryError) as error:
        return WriteAnswer(state="refused", message=str(error) or "it takes too much memory to read")
    except (NotGitRepository, HangupException) as error:
        there_is_none = isinstance(error, NotGitRepository)
        message = "there is no Git repository" if there_is_none else "it ended the connection"
        return WriteAnswer(state="unreachable", message=message)
    except (GitProtocolError, HTTPError, OSError, ValueError, AssertionError, KeyError) as error:
        return WriteAnswer(state="unreachable", message=words(error))


def _write(question: WriteQuestion, folder: Path) -> WriteAnswer:
    from dulwich.repo import Repo  # noqa: PLC0415 - once the limits hold

    ours, own = _ref(question.branch), _ref(question.push_to)
    if question.repository.startswith("/"):
        with Repo(question.repository) as there:
            refs = there.get_refs()
            made = _prepare(there, refs.get(ours), refs.get(own), question)
            if isinstance(made, WriteAnswer):
                return made
            _refuse_checked_out(there, own)
            for each in made:
                there.object_store.add_object(each)
            return _set(there, own, refs.get(own), made[-1].id)
    with Repo.init_bare(folder) as copy:
        client, name = http_client(question.repository, question.credentials)

        def wanted(refs: "Mapping[Ref, ObjectID]", depth: int | None = None) -> "list[ObjectID]":
            return [refs[each] for each in dict.fromkeys((ours, own)) if each in refs]

        refs = client.fetch(name, copy, determine_wants=wanted, depth=1, ref_prefix=[ours, own]).refs
        made = _prepare(copy, refs.get(ours), refs.get(own), question)
        return made if isinstance(made, WriteAnswer) else _push(client, name, own, refs.get(own), made)


def _prepare(
    repository: "Repo", head: "ObjectID | None", own: "ObjectID | None", question: WriteQuestion
) -> "list[ShaFile] | WriteAnswer":
    """The new objects, the commit last; or the answer, where there is nothing to write."""
    from dulwich.objects import Blob, Commit  # noqa: PLC0415 - once the limits hold

    from modelway_platform.deploy.source.commit_files import commit_files  # noqa: PLC0415

    tip = repository.object_store[head] if head else None
    if head is None or not isinstance(tip, Commit):
        return WriteAnswer(state="unreachable", message=f"it has no branch {question.branch}")
    there = repository.object_store[own] if own is not None else None
    if isinstance(there, Commit) and question.mark.encode() in there.message and (own == head or head in there.parents):
        return WriteAnswer(state="pushed", commit=there.id.decode("ascii"), message="it was there already")
    file, text = _edited(commit_files(repository.object_store, tip.tree, question.path), question)
    if text is None:
        return WriteAnswer(state="unchanged", commit=head.decode("ascii"), message="the branch says so already")
    blob = Blob.from_string(text.encode("utf-8"))
    trees = _trees(repository, tip.tree, file.encode("utf-8").split(b"/"), blob.id)
    return [blob, *trees, _commit(tip, trees[-1], question)]


def _edited(files: "list[CommitFile]", question: WriteQuestion) -> tuple[str, str | None]:
    for file in files:
        new = _changed(file, question)
        if new is not None:
            return file.name, None if new == file.text else new
    raise _RefusedError(f"the branch does not declare {question.kind} {question.name} any more")


def _changed(file: "CommitFile", question: WriteQuestion) -> str | None:
    from modelway_platform.deploy.source.edit_document import CannotEditError, Wanted, edited  # noqa: PLC0415

    problem: CannotEditError | None = None
    for before in (question.before, *question.or_before):
        wanted = Wanted(kind=question.kind, name=question.name, before=before, after=question.after)
        try:
            return edited(file.name, file.text, wanted)
        except CannotEditError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _trees(repository: "Repo", top: "ObjectID", way: list[bytes], blob: "ObjectID") -> "list[Tree]":
    """New trees from the innermost folder to the top, with the file replaced."""
    from dulwich.objects import Tree  # noqa: PLC0415 - once the limits hold

    folders: list[Tree] = []
    here = top
    for name in way:
        found = repository.object_store[here]
        if not isinstance(found, Tree):
            raise _RefusedError("a folder on the way to the file is none")
        folders.append(found)
        here = found[name][1]
    made: list[Tree] = []
    new = blob
    for folder, name in zip(reversed(folders), reversed(way), strict=True):
        changed = Tree.from_string(folder.as_raw_string())
        assert isinstance(changed, Tree)
        changed[name] = (folder[name][0], new)
        made.append(changed)
        new = changed.id
    return made


def _commit(tip: "Commit", tree: "Tree", question: WriteQuestion) -> "Commit":
    from dulwich.objects import Commit  # noqa: PLC0415 - once the limits hold

    commit = Commit()
    commit.tree = tree.id
    commit.parents = [tip.id]
    commit.author, commit.committer = question.author.encode(), _COMMITTER
    # Not before its parent, whatever the clocks say: some tools order by it.
    commit.author_time = commit.commit_time = max(int(time.time()), tip.commit_time)
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = f"{question.message.rstrip()}\n\n{question.mark}\n".encode()
    return commit


def _push(client: Any, name: str, own: "Ref", before: "ObjectID | None", made: "list[ShaFile]") -> WriteAnswer:
    from dulwich.errors import SendPackError  # noqa: PLC0415 - once the limits hold
    from dulwich.pack import pack_objects_to_data  # noqa: PLC0415

    new = made[-1].id

    def update(refs: "dict[Ref, ObjectID]") -> "dict[Ref, ObjectID]":
        if refs.get(own) != before:
            raise _MovedError
        return {own: new}

    def pack(_have: Any, _want: Any, *, ofs_delta: bool = False, progress: Any = None) -> Any:
        return pack_objects_to_data([(each, None) for each in made], ofs_delta=ofs_delta, progress=progress)

    try:
        status: dict[bytes, object] = client.send_pack(name, update, pack).ref_status or {}
    except SendPackError as error:
        return WriteAnswer(state="declined", message=words(error))
    problem = status.get(own)
    if problem is not None:
        text = problem.decode("utf-8", "replace") if isinstance(problem, bytes) else str(problem)
        return WriteAnswer(state="declined", message=f"the other side says: {' '.join(text.split())[:300]}")
    return WriteAnswer(state="pushed", commit=new.decode("ascii"))


def _set(there: "Repo", own: "Ref", before: "ObjectID | None", new: "ObjectID") -> WriteAnswer:
    refs = there.refs
    done = refs.add_if_new(own, new) if before is None else refs.set_if_equals(own, before, new)
    if not done:
        raise _MovedError
    return WriteAnswer(state="pushed", commit=new.decode("ascii"))


def _refuse_checked_out(there: "Repo", own: "Ref") -> None:
    """As `git push` does: the files beside it would lie (receive.denyCurrentBranch)."""
    if not there.bare and there.refs.follow(b"HEAD")[0][-1:] == [own]:  # pyright: ignore[reportArgumentType]
        branch = own.decode().removeprefix("refs/heads/")
        raise _RefusedError(
            f"branch {branch} is checked out there: follow a bare repository, or have another branch written"
        )


def _ref(branch: str) -> "Ref":
    from dulwich.refs import Ref  # noqa: PLC0415 - once the limits hold

    return Ref(b"refs/heads/" + branch.encode())


if __name__ == "__main__":
    os.umask(0o022)  # what lands in a repository on this machine is for those who may read it
    sys.exit(main())
