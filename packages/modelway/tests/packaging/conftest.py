"""Archives of every kind, honest and hostile, written octet by octet and not with the code under test."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

END = bytes(1024)
LOCK = b"msgspec==0.20.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What stands in the archive; `name` and `data` may have nothing to do with the manifest."""

    name: bytes
    data: bytes = b""
    kind: bytes = b"0"
    link: bytes = b""
    prefix: bytes = b""
    mode: bytes = b"0000644\0"
    mtime: bytes = b"00000000000\0"
    size: bytes | None = None
    checksum: bytes | None = None
    padding: bytes | None = None

    def octets(self) -> bytes:
        size = self.size if self.size is not None else b"%011o\0" % len(self.data)
        block = b"".join(
            (
                self.name.ljust(100, b"\0")[:100],
                self.mode,
                b"0000000\0" * 2,
                size,
                self.mtime,
                b"        ",
                self.kind,
                self.link.ljust(100, b"\0"),
                b"ustar\x0000",
                bytes(80),
                self.prefix.ljust(155, b"\0"),
                bytes(12),
            )
        )
        checksum = self.checksum or b"%06o\0 " % sum(block)
        padding = bytes(-len(self.data) % 512) if self.padding is None else self.padding
        return block[:148] + checksum + block[156:] + self.data + padding


def listed(path: str, data: bytes, role: str = "data", **changes: Any) -> dict[str, Any]:
    return {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "role": role} | changes


class Forge:
    """Writes archives into a folder."""

    entry = staticmethod(Entry)
    listed = staticmethod(listed)
    end = END
    lock = LOCK

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def raw(self, data: bytes) -> Path:
        path = self.folder / "forged.mwpkg"
        path.write_bytes(data)
        return path

    def manifest(self, files: Sequence[dict[str, Any]], lock: bytes = LOCK, /, **changes: Any) -> bytes:
        value: dict[str, Any] = {
            "format": 1,
            "name": "hello",
            "version": "1",
            "sdk": "0.1.0",
            "python": "3.11",
            "handler": "handler:Hello",
            "framework": {"name": "python", "version": ""},
            "signature": {},
            "files": [*files, listed("environment/requirements.lock", lock, "environment")],
            "environment": {"lock_sha256": hashlib.sha256(lock).hexdigest(), "packages": 1},
            "examples": [{"endpoint": "greet", "request": {}}],
        }
        return json.dumps(value | changes).encode()

    def archive(
        self,
        entries: Sequence[Entry],
        files: Sequence[dict[str, Any]] | None = None,
        *,
        manifest: bytes | None = None,
        lock: bytes = LOCK,
        end: bytes = END,
        after: Sequence[Entry] = (),
    ) -> Path:
        """Manifest, `entries`, lock, `after`, end; the manifest lists `files`, or honestly what `entries` are."""
        honest = [listed(entry.name.decode(errors="replace"), entry.data) for entry in entries]
        text = self.manifest(honest if files is None else files, lock) if manifest is None else manifest
        whole = [
            Entry(name=b"manifest.json", data=text),
            *entries,
            Entry(name=b"environment/requirements.lock", data=lock),
            *after,
        ]
        return self.raw(b"".join(entry.octets() for entry in whole) + end)


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    folder = tmp_path / "forge"
    folder.mkdir()
    return Forge(folder)


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, str]]:
    """What is below a folder: kind and content of everything, without following links."""

    def take(folder: Path) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                found[name] = "folder"
        return found

    return take


HANDLER = """
import json
import zipfile
from modelway import Handler, inference
from words import ENDING


class Greeter(Handler):
    def load(self) -> None:
        self.greetings: dict[str, str] = json.loads((self.files / "greetings.json").read_text())

    @inference
    def greet(self, name: str, language: str = "en") -> str:
        return f"{self.greetings[language]}, {name}{ENDING}"
"""
PYPROJECT = """
[project]
name = "Greeter.Model"
version = "1.0"
dependencies = ["tinylib>=1"]

[tool.modelway]
handler = "handler:Greeter"
files = ["greetings.json"]
"""
EXAMPLES = '[{"endpoint": "greet", "request": {"name": "Ada"}, "response": "Hello, Ada!"}]'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder a package can be made of."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "handler.py").write_text(HANDLER)
    (folder / "words.py").write_text('ENDING = "!"\n')
    (folder / "greetings.json").write_text('{"en": "Hello"}')
    (folder / "examples.json").write_text(EXAMPLES)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    return folder


def wheel(folder: Path, name: str, version: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all uv sees; pip's variable names it, as on a machine without network."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    for name, version in (
        ("msgspec", "9.0"),
        ("uvloop", "9.0"),
        ("httptools", "9.0"),
        ("python_multipart", "9.0"),
        ("tinylib", "1.0"),
        ("tinylib", "1.5"),
    ):
        wheel(folder, name, version)
    for variable in ("UV_FIND_LINKS", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return folder
