"""The contract of stores: the same for a folder and for a bucket of a real S3 server."""

import datetime as dt
import hashlib
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest

from modelway.cli.main import main
from modelway.cli.showing.transfer_bar import TransferBar
from modelway.errors import ConflictError, ForbiddenError, InvalidPackageError, InvalidRequestError, NotFoundError
from modelway.packaging.archive import write_archive
from modelway.packaging.manifest import (
    FORMAT,
    LOCK_ENTRY,
    Environment,
    Example,
    FileEntry,
    Framework,
    Manifest,
)
from modelway.packaging.store import Store, Ticket, open_store, pull, push, read_ticket, share
from modelway.packaging.store.objects import SEGMENT, blob_key, version_key

Opened = Callable[[], Store]
LOCK = b"msgspec==0.20.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"


def make_package(folder: Path, version: str, code: bytes, weights: bytes = b"w" * 1000) -> Path:
    """A whole package of three files."""
    contents = {"code/handler.py": code, LOCK_ENTRY: LOCK, "files/weights.bin": weights}
    roles: dict[str, Any] = {"code/handler.py": "code", LOCK_ENTRY: "environment", "files/weights.bin": "data"}
    files: list[FileEntry] = []
    stage = folder / f"stage-{version}-{hashlib.sha256(code).hexdigest()[:6]}"
    for path, data in contents.items():
        (stage / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / path).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        files.append(FileEntry(path=path, size=len(data), sha256=digest, role=roles[path]))
    manifest = Manifest(
        format=FORMAT,
        name="digits",
        version=version,
        sdk="0.1.0",
        python="3.11",
        handler="handler:Digits",
        framework=Framework(),
        signature={"endpoints": []},
        files=tuple(files),
        environment=Environment(lock_sha256=hashlib.sha256(LOCK).hexdigest(), packages=1),
        examples=(Example(endpoint="predict", request={}),),
    )
    path = stage / f"digits-{version}.mwpkg"
    write_archive(path, manifest, stage, lambda _: None)
    return path


def test_what_was_pushed_comes_back_to_the_octet(opened: Opened, tmp_path: Path) -> None:
    package = make_package(tmp_path, "1.0", b"one")
    seen: list[tuple[int, int]] = []
    pushed = push(package, opened(), lambda done, total: seen.append((done, total)))
    assert pushed.new
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] == 1003 + len(LOCK)
    store = opened()
    back = pull(store.reference("digits", "1.0"), store, tmp_path / "out")
    assert back.read_bytes() == package.read_bytes()
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["digits-1.0.mwpkg"]
    assert pull(store.reference("digits", "1.0"), store, tmp_path / "out") == back


def test_another_version_sends_only_what_changed(opened: Opened, tmp_path: Path) -> None:
    push(make_package(tmp_path, "1.0", b"one", b"w" * 100_000), opened())
    second = push(make_package(tmp_path, "1.1", b"two", b"w" * 100_000), opened())
    assert second.new
    assert second.sent < 3000
    assert [each.version for each in opened().references("digits")] == ["1.0", "1.1"]
    assert list(opened().references("other")) == []


def test_a_version_is_never_replaced(opened: Opened, tmp_path: Path) -> None:
    package = make_package(tmp_path, "1.0", b"one")
    push(package, opened())
    assert not push(package, opened()).new
    with pytest.raises(ConflictError, match=r"has another digits/1\.0"):
        push(make_package(tmp_path, "1.0", b"other"), opened())


def test_of_racing_pushes_one_wins(opened: Opened, tmp_path: Path) -> None:
    packages = [make_package(tmp_path, "2.0", b"%d" % number) for number in range(8)]
    results: list[str] = []
    start = threading.Barrier(len(packages))

    def run(package: Path) -> None:
        store = opened()
        start.wait()
        try:
            results.append("won" if push(package, store).new else "same")
        except ConflictError:
            results.append("lost")

    threads = [threading.Thread(target=run, args=(package,)) for package in packages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["lost"] * 7 + ["won"]
    store = opened()
    back = pull(store.reference("digits", "2.0"), store, tmp_path / "out")
    assert back.read_bytes() in [package.read_bytes() for package in packages]


class Breaking:
    """A source that breaks off after some objects, and counts."""

    def __init__(self, store: Store, left: int) -> None:
        self.store = store
        self.left = left
        self.fetched: list[str] = []

    def get(self, key: str) -> bytes:
        if key.count(".") and self.left <= 0:
            raise ConnectionError("broken off")
        self.left -= key.count(".")
        self.fetched.append(key)
        return self.store.get(key)


def test_large_files_go_in_segments_and_a_broken_transfer_goes_on(opened: Opened, tmp_path: Path) -> None:
    weights = b"".join(bytes([number]) * SEGMENT for number in range(3)) + b"end"
    package = make_package(tmp_path, "3.0", b"one", weights)
    store = opened()
    push(package, store)
    sha256 = hashlib.sha256(weights).hexdigest()
    assert [store.size(f"{blob_key(sha256)}.{index}") for index in range(5)] == [SEGMENT, SEGMENT, SEGMENT, 3, None]
    reference = store.reference("digits", "3.0")
    first = Breaking(store, 2)
    with pytest.raises(ConnectionError):
        pull(reference, first, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.mwpkg"))
    second = Breaking(store, 9)
    assert pull(reference, second, tmp_path / "out").read_bytes() == package.read_bytes()
    segments = [key for key in first.fetched + second.fetched if key.count(".")]
    assert len(segments) == len(set(segments)) == 4


def test_progress_moves_within_a_large_file_and_ends_at_the_whole(opened: Opened, tmp_path: Path) -> None:
    weights = b"w" * (SEGMENT - 1)
    told: list[tuple[int, int]] = []
    push(make_package(tmp_path, "3.1", b"one", weights), opened(), lambda done, total: told.append((done, total)))
    total = told[0][1]
    assert told[0][0] == 0
    assert told[-1] == (total, total)
    assert len([done for done, _ in told if 0.05 < done / total < 0.95]) >= 5
    assert told == sorted(told)


def test_a_missing_access_key_is_said_as_such(tmp_path: Path) -> None:
    store = open_store("s3://bucket/team", {})
    said = "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token: connection refused"
    with pytest.raises(ForbiddenError, match="no access key was given") as caught, store.explained("x"):
        raise obstore.exceptions.GenericError(said)
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


def test_the_bar_foretells_nothing_from_small_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    now = iter([100.0, 100.0, 110.0, 120.0])
    with TransferBar("pushing x", lambda: next(now)) as bar:
        bar(0, 100_000_000)
        bar(500, 100_000_000)
        assert "left" not in capsys.readouterr().err
        bar(50_000_000, 100_000_000)
        assert "50% of 100.0 MB, 2.5 MB/s, 20.0 s left" in capsys.readouterr().err


def test_a_broken_push_goes_on(opened: Opened, tmp_path: Path) -> None:
    package = make_package(tmp_path, "4.0", b"one", b"w" * 50_000)
    store = opened()
    store.put(blob_key(hashlib.sha256(b"w" * 50_000).hexdigest()), b"w" * 50_000)  # all that arrived the first time
    with pytest.raises(NotFoundError, match=r"has no digits/4\.0"):
        store.reference("digits", "4.0")
    assert push(package, store).sent < 3000


def test_what_is_damaged_in_the_store_is_noticed_and_fetched_anew(opened: Opened, tmp_path: Path) -> None:
    package = make_package(tmp_path, "5.0", b"one")
    store = opened()
    push(package, store)
    key = blob_key(hashlib.sha256(b"w" * 1000).hexdigest())
    reference = store.reference("digits", "5.0")
    for damage in (b"x" * 1000, b"w" * 999, b"w" * 2000):
        store.put(key, damage)
        with pytest.raises(InvalidPackageError):
            pull(reference, store, tmp_path / "out")
    store.put(key, b"w" * 1000)
    assert pull(reference, store, tmp_path / "out").read_bytes() == package.read_bytes()


@pytest.mark.parametrize(
    "entry",
    [
        b"{}",
        b"not json",
        b'{"format":2,"name":"digits","version":"6.0","digest":"sha256:'
        + b"a" * 64
        + b'","size":1,"manifest":"'
        + b"b" * 64
        + b'","pushed_at":""}',
        b'{"format":1,"name":"../up","version":"6.0","digest":"sha256:'
        + b"a" * 64
        + b'","size":1,"manifest":"'
        + b"b" * 64
        + b'","pushed_at":""}',
        b'{"format":1,"name":"digits","version":"6.0","digest":"sha256:../../x","size":1,"manifest":"'
        + b"b" * 64
        + b'","pushed_at":""}',
    ],
)
def test_an_entry_that_is_none_is_refused(opened: Opened, entry: bytes) -> None:
    store = opened()
    store.put(version_key("digits", "6.0"), entry)
    with pytest.raises(InvalidPackageError):
        store.reference("digits", "6.0")


def test_a_manifest_of_another_package_is_refused(opened: Opened, tmp_path: Path) -> None:
    store = opened()
    push(make_package(tmp_path, "7.0", b"one"), store)
    entry = json.loads(store.get(version_key("digits", "7.0")))
    store.put(version_key("digits", "7.1"), json.dumps(entry | {"version": "7.1"}).encode())
    with pytest.raises(InvalidPackageError, match="of another package"):
        pull(store.reference("digits", "7.1"), store, tmp_path / "out")


def test_a_ticket_opens_one_version_for_a_while(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    store = open_store(f"s3://{s3.make_bucket()}", s3.variables)
    package = make_package(tmp_path, "1.0", b"one")
    push(package, store)
    ticket = share(store, store.reference("digits", "1.0"), dt.timedelta(minutes=5))
    for name in s3.variables:
        monkeypatch.delenv(name)
    again = read_ticket(ticket.to_bytes())
    assert pull(again.reference, again, tmp_path / "out").read_bytes() == package.read_bytes()
    with pytest.raises(NotFoundError):
        again.get("blobs/other")
    forged = Ticket(
        reference=again.reference,
        addresses={key: address.replace("Signature=", "Signature=0") for key, address in again.addresses.items()},
    )
    with pytest.raises(ForbiddenError):
        pull(forged.reference, forged, tmp_path / "other")


def test_a_ticket_never_reads_local_files(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), {}, make=True)
    push(make_package(tmp_path, "1.0", b"one"), store)
    reference = store.reference("digits", "1.0")
    ticket = Ticket(reference=reference, addresses={blob_key(reference.manifest): "file:///etc/hostname"})
    with pytest.raises(NotFoundError):
        ticket.get(blob_key(reference.manifest))
    with pytest.raises(InvalidRequestError, match="is a folder"):
        share(store, reference, dt.timedelta(hours=1))


def test_wrong_keys_and_addresses_are_said(s3: Any) -> None:
    bucket = s3.make_bucket()
    with pytest.raises(ForbiddenError, match="access denied") as caught:
        open_store(f"s3://{bucket}", s3.variables | {"AWS_SECRET_ACCESS_KEY": "wrong"}).get("x")
    assert "wrong" not in str(caught.value)
    for address in ("", "ftp://host/x", "s3://"):
        with pytest.raises(InvalidRequestError):
            open_store(address, {})


def test_push_list_and_pull_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = make_package(tmp_path, "1.0", b"one")
    monkeypatch.setenv("MODELWAY_STORE", str(tmp_path / "store"))
    assert main(["list"]) == 1
    assert main(["pull", "digits/1.0"]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert not (tmp_path / "store").exists(), "who only looks makes nothing"
    (tmp_path / "store").mkdir()
    assert main(["list"]) == 0
    assert "has no packages" in capsys.readouterr().err
    assert main(["pull", "digits/1.0"]) == 1
    assert "nothing has been pushed there yet" in capsys.readouterr().err
    assert main(["push", str(package)]) == 0
    assert main(["push", str(package)]) == 0
    assert "has it already" in capsys.readouterr().err
    assert main(["list", "digits"]) == 0
    assert "digits  1.0" in capsys.readouterr().out
    assert main(["list", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["version"] == "1.0"
    assert main(["pull", "digits/1.0", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "digits-1.0.mwpkg").read_bytes() == package.read_bytes()
    for wanted, told in (
        ("digits/2.0", "hint: there is digits/1.0"),
        ("digits", "which version of digits?\nhint: there is digits/1.0"),
        ("digist/1.0", "did you mean digits?"),
        ("cats/1.0", "`modelway list` shows what there is"),
    ):
        assert main(["pull", wanted]) == 1
        assert told in capsys.readouterr().err
    assert main(["pull", "../x/1"]) == 1
    assert main(["pull"]) == 1
    assert main(["share", "digits/1.0"]) == 1
    assert "is a folder" in capsys.readouterr().err
