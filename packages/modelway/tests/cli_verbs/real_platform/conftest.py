"""The same commands against the platform's own REST API, and what they apply there."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from journeys.served_api import Served

from modelway.packaging import Environment, Example, FileEntry, Framework, Manifest
from modelway.packaging.archive import write_archive
from modelway.signature import EndpointSignature, Field, Signature

LOCK = b"msgspec==0.20.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"
DOCUMENTS = """\
apiVersion: modelway/v1
kind: Deployment
metadata: {project: vision, model: digits, version: v1}
spec:
  package: dist/digits.mwpkg
  replicas: 2
---
apiVersion: modelway/v1
kind: Route
metadata: {project: vision, model: digits}
spec: {versions: [{version: v1, weight: 1}]}
"""


@pytest.fixture
def served(tmp_path: Path, environment: dict[str, str]) -> Iterator[Served]:
    found = Served(tmp_path)
    environment.update(MODELWAY_URL=found.url, MODELWAY_KEY=found.secret, MODELWAY_GATEWAY_URL="http://127.0.0.1:1")
    yield found
    found.close()


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A folder of documents with the package they name."""
    folder, stage = tmp_path / "deploy", tmp_path / "stage"
    (folder / "dist").mkdir(parents=True)
    files: list[FileEntry] = []
    for path, data, role in (
        ("code/handler.py", b"# code", "code"),
        ("environment/requirements.lock", LOCK, "environment"),
    ):
        (stage / path).parent.mkdir(parents=True)
        (stage / path).write_bytes(data)
        files.append(FileEntry(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest(), role=role))  # pyright: ignore[reportArgumentType] - the loop loses the literals
    number = {"type": "number"}
    inputs, output = (Field(name="x", label="number", schema=number),), Field(name="", label="number", schema=number)
    signature = Signature(endpoints=(EndpointSignature(name="predict", inputs=inputs, output=output),))
    manifest = Manifest(
        format=1,
        name="digits",
        version="1.0",
        sdk="0.1.0",
        python="3.11",
        handler="handler:Digits",
        framework=Framework(),
        signature=signature.to_json(),
        files=tuple(files),
        environment=Environment(lock_sha256=hashlib.sha256(LOCK).hexdigest(), packages=1),
        examples=(Example(endpoint="predict", request={"x": 1}),),
    )
    write_archive(folder / "dist" / "digits.mwpkg", manifest, stage, lambda _: None)
    (folder / "digits.yaml").write_text(DOCUMENTS)
    return folder
