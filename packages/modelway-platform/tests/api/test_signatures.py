"""Signatures over HTTP, and documents whose package their project may not deploy."""

import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway.cli.apply import apply_files
from modelway.client import ControlClient, DocumentFile, Server
from modelway.errors import InvalidDocumentError
from modelway.packaging.signing import make_key_pair, read_private_key, sign_file, signature_path

DOCUMENT = """
apiVersion: modelway/v1
kind: Deployment
metadata: {{project: {project}, model: digits, version: v1}}
spec:
  package: {digest}
"""


@pytest.fixture
def signing(api: Any) -> Any:
    (api.root / "signing.toml").write_text('[[policy]]\nprojects = ["vision"]\nkeys = ["ada.pub"]\n')
    make_key_pair(api.root / "ada")
    return api


def uploaded(api: Any, data: bytes) -> tuple[str, str]:
    """Digest of an uploaded package, and a signature of it by ada."""
    assert api.ask("POST", "/v1/packages", data).status == 201
    archive: Path = api.root / "digits.mwpkg"
    archive.write_bytes(data)
    sign_file(archive, read_private_key(api.root / "ada.key"), now=dt.datetime.now(dt.UTC))
    return "sha256:" + hashlib.sha256(data).hexdigest(), signature_path(archive).read_text()


def test_unsigned_is_refused_where_it_is_required_until_it_is_signed(
    signing: Any, make_package: Callable[..., bytes]
) -> None:
    digest, bundle = uploaded(signing, make_package())
    refused = signing.apply(DOCUMENT.format(project="vision", digest=digest))
    assert (refused.status, refused.error["code"]) == (422, "invalid_document")
    assert "f0.yaml:6:12: package " in refused.error["message"]
    assert "is not signed" in refused.error["message"]
    assert signing.apply(DOCUMENT.format(project="speech", digest=digest)).status == 200
    listed = signing.ask("GET", f"/v1/packages/{digest}/signatures?forProject=vision").json
    assert listed["items"] == []
    assert "is not signed" in listed["refusal"]
    added = signing.ask("POST", f"/v1/packages/{digest}/signatures", {"bundle": bundle})
    assert added.status == 201
    assert added.json["package"] == "digits/v1"
    assert signing.apply(DOCUMENT.format(project="vision", digest=digest)).status == 200
    listed = signing.ask("GET", f"/v1/packages/{digest}/signatures?forProject=vision").json
    assert (len(listed["items"]), listed["refusal"]) == (1, "")
    actions = [entry["action"] for entry in signing.ask("GET", "/v1/audit").json["items"]]
    assert actions.count("signed") == 1


def test_what_is_no_signature_of_this_package_is_refused(signing: Any, make_package: Callable[..., bytes]) -> None:
    digest, bundle = uploaded(signing, make_package())
    other, _ = uploaded(signing, make_package(endpoints=("other",)))
    for path, body, status, code in (
        (other, bundle, 409, "conflict"),
        (digest, "{}", 422, "invalid_package"),
        (digest, "x" * 40_000, 422, "invalid_package"),
        ("sha256:" + "0" * 64, bundle, 404, "not_found"),
        ("nonsense", bundle, 404, "not_found"),
    ):
        reply = signing.ask("POST", f"/v1/packages/{path}/signatures", {"bundle": body})
        assert (reply.status, reply.error["code"]) == (status, code), (path, reply.body)


def test_apply_takes_signatures_along(signing: Any, make_package: Callable[..., bytes]) -> None:
    folder: Path = signing.root / "project"
    folder.mkdir()
    archive = folder / "digits.mwpkg"
    archive.write_bytes(make_package())
    text = DOCUMENT.format(project="vision", digest="digits.mwpkg")
    files = [DocumentFile(str(folder / "deployment.yaml"), text)]
    with ControlClient(Server(url=f"http://127.0.0.1:{signing.port}", key=signing.key)) as client:
        with pytest.raises(InvalidDocumentError, match="is not signed"):
            apply_files(client, files, dry_run=False)
        sign_file(archive, read_private_key(signing.root / "ada.key"), now=dt.datetime.now(dt.UTC))
        assert [each.action for each in apply_files(client, files, dry_run=False)] == ["created"]
