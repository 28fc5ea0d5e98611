"""A package in a bucket, and a platform that may read it: what tests of fetching and signing stand on."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from modelway import packaging
from modelway.packaging.archive import write_archive
from modelway.packaging.manifest import LOCK_ENTRY
from modelway.packaging.store import open_store
from modelway_platform.deploy.fetch.fetch_package import PackageFetcher
from modelway_platform.deploy.fetch.store_access import FILE_NAME, StoreAccess
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.files.signatures import PackageSignatures

LOCK = b"six==1.17.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"
ACCESS_KEY, SECRET_KEY = "AKIATESTSOFFETCH", "secret-of-tests-7f3a"


def write_package(folder: Path, *, weights: bytes, signature: dict[str, object] | None = None) -> Path:
    """A small package whose weights are what one says."""
    contents = {"code/handler.py": b"x = 1\n", "files/weights.bin": weights, LOCK_ENTRY: LOCK}
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    roles = {"code/handler.py": "code", "files/weights.bin": "data", LOCK_ENTRY: "environment"}
    manifest = packaging.Manifest(
        format=1,
        name="digits",
        version="1.0.0",
        sdk="0.1.0",
        python="3.11",
        handler="handler:Digits",
        framework=packaging.Framework(),
        signature=signature or {"endpoints": []},
        files=tuple(
            packaging.FileEntry(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest(), role=roles[path])  # type: ignore[arg-type]
            for path, data in contents.items()
        ),
        environment=packaging.Environment(lock_sha256=hashlib.sha256(LOCK).hexdigest(), packages=1),
        examples=(packaging.Example(endpoint="predict", request={}),),
    )
    path = folder / "digits-1.0.0.mwpkg"
    write_archive(path, manifest, folder, lambda _: None)
    return path


@dataclass
class Told:
    """What a phase was told."""

    steps: list[str] = field(default_factory=list[str])
    marks: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def __call__(self, step: str, *, done: int | None = None, total: int | None = None) -> None:
        if not self.steps or self.steps[-1] != step:
            self.steps.append(step)
        if total:
            self.marks.append((done or 0, total))


@dataclass
class Site:
    """A bucket with a package in it, and a platform that may read it."""

    folder: Path
    bucket: str
    archive: Path
    port: int
    project: str = "vision"
    refused: str = ""

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.archive.read_bytes()).hexdigest()}"

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def put(self, key: str, data: bytes) -> None:
        """Writes an object, past every check."""
        open_store(f"s3://{self.bucket}", self.variables).put(key, data)

    def fetcher(self, *origins: str, variables: dict[str, str] | None = None) -> PackageFetcher:
        access = StoreAccess(self.folder / FILE_NAME, self.variables if variables is None else variables)
        return PackageFetcher(
            self.packages,
            access,
            lambda _: [(each, self.project) for each in origins],
            PackageSignatures(self.packages),
            refused=lambda _: self.refused,
        )

    @property
    def packages(self) -> PackageStore:
        return PackageStore(self.folder / "packages")

    def stage(self) -> list[Path]:
        return list((self.folder / "packages").glob(".fetching-*"))
