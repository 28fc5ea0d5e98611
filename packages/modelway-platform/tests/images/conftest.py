"""A package, a root file system, an installer and a registry, each as small as what is tested of it."""

import base64
import hashlib
import io
import json
import os
import re
import socket
import tarfile
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from modelway import packaging
from modelway.packaging.archive import write_archive
from modelway.packaging.manifest import LOCK_ENTRY
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.grounds.ground import BuildTool, Grounds
from modelway_platform.deploy.images.grounds.system_packages import SystemPackages
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp

LOCK = b"six==1.17.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"
CANARY = "canary-7f3a"
# Does what `uv pip install --target` does, with all it writes about the machine it runs on.
STAND_IN_UV = f"""#!/bin/sh
while [ "$1" != --target ]; do shift; done
echo run >> "$(dirname "$0")/runs"
mkdir -p "$2/six-1.17.0.dist-info" "$2/__pycache__" "$2/bin"
echo 'x = 1' > "$2/six.py"
echo $$ > "$2/__pycache__/six.pyc"
echo "#!/home/{CANARY}/python" > "$2/bin/six"
echo '{{"url": "https://user:{CANARY}@index.example/six"}}' > "$2/six-1.17.0.dist-info/direct_url.json"
date +%N > "$2/six-1.17.0.dist-info/uv_cache.json"
printf '%s\\n' six.py,, ../../bin/six,sha256=$$,9 six-1.17.0.dist-info/uv_cache.json,, \
  six-1.17.0.dist-info/RECORD,, > "$2/six-1.17.0.dist-info/RECORD"
"""


@pytest.fixture
def make_package(tmp_path: Path) -> Callable[..., Path]:
    def make(
        code: bytes = b"x = 1\n", *, dockerfile: bytes = b"", system_packages: tuple[str, ...] = (), **data: bytes
    ) -> Path:
        folder = tmp_path / f"project-{len(list(tmp_path.iterdir()))}"
        contents = {"code/handler.py": code, LOCK_ENTRY: LOCK}
        contents |= {"code/Dockerfile": dockerfile} if dockerfile else {}
        contents |= {f"files/{name}": content for name, content in data.items()}
        roles: dict[str, Any] = {"code": "code", "files": "data", "environment": "environment"}
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        entries = tuple(
            packaging.FileEntry(
                path=path,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                role=roles[path.partition("/")[0]],
            )
            for path, content in contents.items()
        )
        manifest = packaging.Manifest(
            format=1,
            name="digits",
            version="v1",
            sdk="0.1.0",
            python="3.11",
            handler="handler:Digits",
            framework=packaging.Framework(),
            signature={},
            files=entries,
            environment=packaging.Environment(lock_sha256=hashlib.sha256(LOCK).hexdigest(), packages=1),
            examples=(packaging.Example(endpoint="predict", request={}),),
            dockerfile="code/Dockerfile" if dockerfile else "",
            system_packages=system_packages,
        )
        path = folder / "digits-v1.mwpkg"
        write_archive(path, manifest, folder, lambda _: None)
        return path

    return make


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A tar archive that has a Python to be found."""
    path = tmp_path / "rootfs.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("./usr/bin/python3.11", "./etc/os-release"):
            header = tarfile.TarInfo(name)
            header.size = 3
            archive.addfile(header, io.BytesIO(b"abc"))
    return path


@pytest.fixture
def make_builder(tmp_path: Path) -> Callable[..., ImageBuilder]:
    """Builders with a cache each, on one stand-in for uv."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(STAND_IN_UV)
    (tools / "uv").chmod(0o755)
    sdk = tools / "sdk"
    (sdk / "cli").mkdir(parents=True)
    (sdk / "cli" / "main.py").write_text("y = 2\n")

    def make(cache: str = "cache", tool: BuildTool | None = None) -> ImageBuilder:
        layers = LayerCache(tmp_path / cache)
        return ImageBuilder(
            cache=layers,
            grounds=Grounds(cache=layers, system=SystemPackages(cache=layers, variables=os.environ), tool=tool),
            uv=UvCommand(path=str(tools / "uv"), environment={"PATH": "/usr/bin:/bin"}),
            sdk=SdkCopy(folder=sdk, version="0.1.0"),
            architecture=machine_architecture(),
        )

    return make


@dataclass
class Registry:
    """What the registry has, what it was asked, and how it misbehaves."""

    port: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    uploads: dict[str, bytes] = field(default_factory=dict[str, bytes])
    asked: list[str] = field(default_factory=list[str])
    authorizations: list[str] = field(default_factory=list[str])
    auth: str = ""
    elsewhere: set[str] = field(default_factory=set[str])  # digests only another repository has
    statuses: list[int] = field(default_factory=list[int])
    break_parts: int = 0
    digest_header: str = ""
    location: str = ""
    wrong_blob: bytes | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def http(self, **options: Any) -> RegistryHttp:
        return RegistryHttp(host=self.host, plain_http=True, pause=lambda _: None, **options)


class _Handler(BaseHTTPRequestHandler):
    registry: Registry

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        if status not in {204, 304}:
            headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _turned_away(self) -> bool:
        registry, given = self.registry, self.headers.get("Authorization", "")
        registry.asked.append(f"{self.command} {self.path}")
        registry.authorizations.append(given)
        if registry.statuses:
            self._answer(registry.statuses.pop(0), b'{"errors": [{"code": "BUSY", "message": "not now"}]}')
            return True
        basic = "Basic " + base64.b64encode(b"ada:secret").decode()
        if self.path.startswith("/token"):
            allowed = given == basic and "scope=repository" in self.path
            self._answer(200 if allowed else 401, b'{"token": "tok"}' if allowed else b"{}")
            return True
        realm = f'Bearer realm="http://{registry.host}/token",service="s"'
        wanted = {"": None, "basic": basic, "bearer": "Bearer tok"}[registry.auth]
        if wanted is not None and given != wanted:
            self._answer(401, WWW_Authenticate=realm if registry.auth == "bearer" else 'Basic realm="r"')
            return True
        return False

    def do_GET(self) -> None:
        if self._turned_away():
            return
        registry, path = self.registry, urlsplit(self.path).path
        if "/uploads/" in path:
            held = len(registry.uploads[path.rpartition("/")[2]])
            self._answer(204, Range=f"0-{max(held - 1, 0)}", Location=path)
        elif "/manifests/" in path and (found := registry.manifests.get(path.rpartition("/")[2])):
            extra = {"Docker_Content_Digest": registry.digest_header} if registry.digest_header else {}
            self._answer(200, found[1], Content_Type=found[0], **extra)
        elif "/blobs/" in path and (blob := registry.blobs.get(path.rpartition("/")[2])) is not None:
            self._answer(200, blob if registry.wrong_blob is None else registry.wrong_blob)
        else:
            self._answer(404, b'{"errors": [{"code": "UNKNOWN", "message": "no such thing"}]}')

    def do_HEAD(self) -> None:
        digest = self.path.rpartition("/")[2]
        if digest in self.registry.elsewhere:
            self.registry.asked.append(f"HEAD {self.path}")
            self.registry.authorizations.append(self.headers.get("Authorization", ""))
            self._answer(404)
        else:
            self.do_GET()

    def do_POST(self) -> None:
        if self._turned_away():
            return
        query = parse_qs(urlsplit(self.path).query)
        digest = query.get("mount", [""])[0]
        if digest in self.registry.blobs:
            self._answer(201, Docker_Content_Digest=digest)
            return
        name = f"u{len(self.registry.uploads)}"
        self.registry.uploads[name] = b""
        self._answer(202, Location=self.registry.location or f"{urlsplit(self.path).path}{name}?_state=signature")

    def do_PATCH(self) -> None:
        name = urlsplit(self.path).path.rpartition("/")[2]
        if self.registry.break_parts:
            self.registry.break_parts -= 1
            self.registry.uploads[name] += self.rfile.read(int(self.headers["Content-Length"]) // 2)
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._turned_away():
            return
        self.registry.uploads[name] += body
        self._answer(202, Location=urlsplit(self.path).path)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._turned_away():
            return
        parts = urlsplit(self.path)
        if "/manifests/" in parts.path:
            self.registry.manifests[parts.path.rpartition("/")[2]] = (self.headers["Content-Type"], body)
            said = self.registry.digest_header or f"sha256:{hashlib.sha256(body).hexdigest()}"
            self._answer(201, Docker_Content_Digest=said)
            return
        content = self.registry.uploads[parts.path.rpartition("/")[2]]
        digest = parse_qs(parts.query)["digest"][0]
        if digest != f"sha256:{hashlib.sha256(content).hexdigest()}":
            self._answer(400, json.dumps({"errors": [{"code": "DIGEST_INVALID"}]}).encode())
            return
        self.registry.blobs[digest] = content
        self._answer(201, Docker_Content_Digest=digest)


@pytest.fixture
def registry() -> Generator[Registry]:
    state = Registry()
    handler = type("Handler", (_Handler,), {"registry": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def canary() -> str:
    assert re.fullmatch(r"[a-z0-9-]+", CANARY)
    return CANARY
