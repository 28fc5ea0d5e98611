"""Looking at branches: real repositories by path and over HTTP, and those that are made to do harm."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.git_repository import PASSWORD, USER, Repository, over_http

from modelway_platform.deploy.source.commit_files import MAX_FILE_BYTES, MAX_FILES
from modelway_platform.deploy.source.fetch_commit import Answer, Question
from modelway_platform.deploy.source.looking import Looker

Look = Callable[..., Answer]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def ask(repository: str | Path, *, seconds: float = 60, **more: str) -> Answer:
        looker = Looker(tmp_path / "looks", os.environ, {"MARK": "x"}, seconds)
        question = Question(
            repository=str(repository), branch=more.pop("branch", "main"), path=more.pop("path", ""), **more
        )
        answer = asyncio.run(looker.look(question))
        assert not list((tmp_path / "looks").iterdir()), "nothing is left behind"
        return answer

    return ask


def test_files_of_a_commit(repository: Repository, look: Look) -> None:
    commit = repository.commit(
        {
            "deploy/b.yaml": "b: 1\n",
            "deploy/more/a.json": "{}",
            "deploy/README.md": "no",
            "deploy/run.sh": "#!/bin/sh\ntouch /tmp/never\n",
            "else.yml": "x",
        },
        "Two files\n\nand why",
    )
    answer = look(repository.bare, path="deploy")
    assert answer.commit == commit
    assert (answer.author, answer.subject) == ("Ann <ann@example.com>", "Two files")
    assert answer.files == (("deploy/b.yaml", "b: 1\n"), ("deploy/more/a.json", "{}"))
    assert look(repository.bare).files is not None
    assert len(look(repository.bare).files or ()) == 3
    again = look(repository.bare, known=commit)
    assert (again.commit, again.files, again.refused) == (commit, None, "")


def test_over_http_as_git_itself_serves_it(repository: Repository, look: Look) -> None:
    repository.commit({"a.yaml": "a: 1"})
    commit = repository.commit({"a.yaml": "a: 2", "b.yaml": "b"})
    with over_http(repository) as url:
        answer = look(url)
        assert (answer.commit, answer.files) == (commit, (("a.yaml", "a: 2"), ("b.yaml", "b")))
        assert look(url, known=commit).files is None
        assert "no branch other" in look(url, branch="other").unreachable
        assert look(url.replace("fleet", "none")).unreachable
    assert look(url).unreachable, "nobody listens any more"


def test_a_password_is_read_from_its_file_and_told_to_nobody(
    repository: Repository, look: Look, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    secret = tmp_path / "password"
    with over_http(repository, password=True) as url:
        assert look(url).unreachable
        secret.write_text(f"{USER}:{PASSWORD}\n")
        assert look(url, credentials=str(secret)).commit == commit
        secret.write_text(f"{USER}:wrong{PASSWORD}\n")
        refused = look(url, credentials=str(secret)).unreachable
        assert refused
        assert PASSWORD not in refused
        secret.write_text("nothing")
        assert "user:password" in look(url, credentials=str(secret)).unreachable
        assert "No such file" in look(url, credentials=str(tmp_path / "none")).unreachable


def test_what_is_no_repository(look: Look, tmp_path: Path) -> None:
    assert look(tmp_path).unreachable == "there is no Git repository"
    assert look(tmp_path / "none").unreachable == "there is no Git repository"
    assert look(Repository(tmp_path).bare).unreachable == "it has no branch main"


@pytest.mark.parametrize(
    ("files", "path", "why"),
    [
        ({"a.txt": "x"}, "", "no *.yaml"),
        ({"a.yaml": "x"}, "deploy", "no folder deploy"),
        ({"deploy": "x", "a.yaml": "x"}, "deploy", "not a folder"),
        ({"a.yaml": b"\xff\xfe"}, "", "not UTF-8"),
        ({"a.yaml": b"a" * (MAX_FILE_BYTES + 1)}, "", "larger than"),
        ({f"{number}.yaml": "x" for number in range(MAX_FILES + 1)}, "", "more than 500 files"),
        ({"/".join(["d"] * 40) + "/a.yaml": "x"}, "", "deep"),
    ],
    ids=["no documents", "no folder", "a file", "not UTF-8", "huge", "many", "deep"],
)
def test_commits_that_cannot_be_read_are_refused(
    repository: Repository, look: Look, files: dict[str, str | bytes], path: str, why: str
) -> None:
    commit = repository.commit(files)
    answer = look(repository.bare, path=path)
    assert (answer.commit, answer.files) == (commit, None)
    assert why in answer.refused


def test_links_and_submodules_are_not_followed(repository: Repository, look: Look, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("kind: Secret")
    repository.commit({"good.yaml": "x"})
    (repository.tree / "link.yaml").symlink_to(secret)
    repository.git("add", "-A")
    repository.push("A link")
    assert "symbolic link" in look(repository.bare).refused
    repository.git("rm", "-q", "--cached", "link.yaml")
    (repository.tree / "link.yaml").unlink()
    (repository.tree / "folder").symlink_to(tmp_path)
    repository.git("add", "-A")
    repository.push("A folder that is a link")
    assert [name for name, _ in look(repository.bare).files or ()] == ["good.yaml"]
    assert "not a folder" in look(repository.bare, path="folder").refused
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module.yaml")
    repository.git("add", "-f", ".gitmodules") if (repository.tree / ".gitmodules").exists() else None
    repository.push("Submodules")
    assert "module.yaml is a symbolic link or a submodule" in look(repository.bare).refused


def test_nothing_of_a_hostile_repository_runs(repository: Repository, look: Look, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    harm = f"touch {ran}"
    repository.commit(
        {
            "a.yaml": "a: 1",
            ".gitattributes": "*.yaml filter=harm diff=harm merge=harm\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "{harm}"\n\tupdate = !{harm}\n',
        }
    )
    for bare_setting in (
        "core.fsmonitor",
        "core.sshCommand",
        "core.hooksPath",
        "filter.harm.smudge",
        "uploadpack.packObjectsHook",
    ):
        repository.git("config", bare_setting, harm, cwd=repository.bare)
    (repository.bare / "hooks").mkdir(exist_ok=True)
    for name in ("post-checkout", "post-merge", "pre-upload"):
        hook = repository.bare / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{harm}\n")
        hook.chmod(0o755)
    assert look(repository.bare).files == (("a.yaml", "a: 1"),)
    assert not ran.exists()


def test_a_damaged_repository_is_told(repository: Repository, look: Look) -> None:
    repository.commit({"a.yaml": "a: 1"})
    for each in (repository.bare / "objects").rglob("*"):
        if each.is_file():
            each.chmod(0o600)
            each.write_bytes(b"\x00" * 20)
    answer = look(repository.bare)
    assert answer.unreachable or answer.refused


def test_a_repository_that_answers_nothing_is_given_up(look: Look) -> None:
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = look(f"http://127.0.0.1:{silent.getsockname()[1]}/fleet.git", seconds=3)
    assert "not done within 3 s" in answer.unreachable


def test_a_bomb_costs_bounded_memory(repository: Repository, look: Look) -> None:
    """200 MB that deflate to a fifth of a megabyte: told, and the platform goes on."""
    repository.commit({"a.yaml": b"\n" * 200_000_000})
    answer = look(repository.bare)
    assert answer.unreachable or answer.refused
