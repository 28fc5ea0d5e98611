"""The running SDK as something to put into an environment: pure Python, so a folder copied is a folder installed.

Copying instead of installing means that a replica always speaks the platform's own version, and needs no index for it.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path

import modelway


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkCopy:
    """The SDK's folder and version."""

    folder: Path
    version: str

    @classmethod
    def of_this_process(cls) -> "SdkCopy":
        return cls(folder=Path(modelway.__file__).parent, version=version("modelway"))

    def digest(self) -> str:
        """SHA-256 over names and contents of all its files."""
        content = hashlib.sha256(self.version.encode())
        for path in self._files():
            name, data = str(path.relative_to(self.folder)).encode(), path.read_bytes()
            content.update(b"%d:%s%d:" % (len(name), name, len(data)))
            content.update(data)
        return content.hexdigest()

    def install(self, site_packages: Path) -> None:
        """Puts it in place of whatever `site_packages` has under its name, with the metadata of an installed one."""
        target = site_packages / "modelway"
        shutil.rmtree(target, ignore_errors=True)
        for path in self._files():
            copy = target / path.relative_to(self.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            _keep_compiled(path, copy)
        metadata = site_packages / f"modelway-{self.version}.dist-info"
        metadata.mkdir(exist_ok=True)
        text = f"Metadata-Version: 2.1\nName: modelway\nVersion: {self.version}\n"
        (metadata / "METADATA").write_text(text, encoding="utf-8")
        (metadata / "INSTALLER").write_text("modelway\n", encoding="utf-8")

    def _files(self) -> Iterator[Path]:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _keep_compiled(source: Path, copy: Path) -> None:
    """Spares the first processes of an environment from compiling what this one has compiled: theirs is told by time and size."""
    compiled = Path(cache_from_source(str(source))) if source.suffix == ".py" else None
    if compiled is None or not compiled.is_file():
        return
    told = source.stat()
    os.utime(copy, ns=(told.st_atime_ns, told.st_mtime_ns))
    folder = copy.parent / "__pycache__"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(compiled, folder / compiled.name)
