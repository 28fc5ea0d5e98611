"""Signatures: good ones count, every other is told apart, and other tools read what is written."""

import base64
import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest
from journeys.package_site import write_package

from modelway.cli.main import main
from modelway.errors import (
    ConflictError,
    InvalidPackageError,
    InvalidRequestError,
    NotFoundError,
    PackageNotTrustedError,
)
from modelway.packaging import verify
from modelway.packaging.signing import (
    PublicKey,
    check_signatures,
    make_key_pair,
    parse_bundle,
    parse_bundles,
    read_private_key,
    read_public_key,
    sign_file,
    signature_path,
)
from modelway.packaging.signing.keys import PASSWORD_VARIABLE

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_package(tmp_path / "project", weights=b"w" * 1000)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, PublicKey]:
    private, public = make_key_pair(tmp_path / "ada")
    return private, read_public_key(public)


def test_a_good_signature_counts_for_its_package_alone(
    archive: Path, pair: tuple[Path, PublicKey], tmp_path: Path
) -> None:
    private, public = pair
    bundle, path = sign_file(archive, read_private_key(private), now=NOW)
    assert path == signature_path(archive)
    assert parse_bundles(path.read_bytes()) == (bundle,)
    digest = verify(archive)[1]
    found = check_signatures(digest, [bundle], [public], now=NOW)
    assert (found.signer, found.statement.name, found.statement.digest) == ("ada", "digits", digest)
    other = verify(write_package(tmp_path / "other", weights=b"v" * 1000))[1]
    with pytest.raises(PackageNotTrustedError, match="that by ada is for another package"):
        check_signatures(other, [bundle], [public], now=NOW)


def test_unsigned_foreign_forged_and_expired_are_told_apart(
    archive: Path, pair: tuple[Path, PublicKey], tmp_path: Path
) -> None:
    private, public = pair
    digest = verify(archive)[1]
    with pytest.raises(PackageNotTrustedError, match="is not signed"):
        check_signatures(digest, [], [public], now=NOW)
    foreign = read_public_key(make_key_pair(tmp_path / "eve")[1])
    bundle, _ = sign_file(archive, read_private_key(private), now=NOW, valid=dt.timedelta(days=1))
    with pytest.raises(PackageNotTrustedError, match="is not trusted here"):
        check_signatures(digest, [bundle], [foreign], now=NOW)
    value = json.loads(bundle.to_bytes())
    payload = json.loads(base64.b64decode(value["dsseEnvelope"]["payload"]))
    payload["predicate"]["expiresAt"] = "2099-01-01T00:00:00Z"
    value["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    with pytest.raises(PackageNotTrustedError, match="claims to be by ada is forged"):
        check_signatures(digest, [parse_bundle(json.dumps(value).encode())], [public], now=NOW)
    later = NOW + dt.timedelta(days=1)
    with pytest.raises(PackageNotTrustedError, match="that by ada counted until 2026-06-02"):
        check_signatures(digest, [bundle], [public], now=later)
    again, _ = sign_file(archive, read_private_key(private), now=later)
    assert check_signatures(digest, [bundle, again], [public], now=later).signer == "ada"


def test_openssl_agrees(archive: Path, pair: tuple[Path, PublicKey], tmp_path: Path) -> None:
    """DSSE's octets, an Ed25519 key and a signature that another implementation verifies."""
    bundle, _ = sign_file(archive, read_private_key(pair[0]), now=NOW)
    envelope = json.loads(bundle.to_bytes())["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    (tmp_path / "octets").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload)
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "ada.pub", "-rawin"]
    files = ["-in", "octets", "-sigfile", "signature"]
    done = subprocess.run([*command, *files], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout, done.stderr
    assert json.loads(payload)["_type"] == "https://in-toto.io/Statement/v1"
    assert json.loads(payload)["subject"][0]["digest"]["sha256"] == verify(archive)[1].removeprefix("sha256:")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[" * 5000,
        b'{"mediaType": "x", "verificationMaterial": {"publicKey": {}}, "dsseEnvelope": {"payload": "", "payloadType": "", "signatures": []}}',
        b"x" * 20_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidPackageError):
        parse_bundle(data)


def test_a_statement_of_something_else_is_refused(archive: Path, pair: tuple[Path, PublicKey]) -> None:
    bundle, _ = sign_file(archive, read_private_key(pair[0]), now=NOW)
    changes: list[dict[str, object]] = [
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"subject": []},
        {"_type": "x"},
    ]
    for change in changes:
        value = json.loads(bundle.to_bytes())
        payload = json.loads(bundle.payload) | change
        value["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
        with pytest.raises(InvalidPackageError):
            parse_bundle(json.dumps(value).encode())


def test_keys_are_kept_to_their_owner_and_never_replaced(tmp_path: Path) -> None:
    private, public = make_key_pair(tmp_path / "ada", "correct horse")
    assert private.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConflictError):
        make_key_pair(tmp_path / "ada")
    with pytest.raises(InvalidRequestError, match="needs a password"):
        read_private_key(private)
    with pytest.raises(InvalidRequestError) as caught:
        read_private_key(private, "wrong horse")
    assert "wrong horse" not in str(caught.value)
    read_private_key(private, "correct horse")
    with pytest.raises(InvalidRequestError, match="not a public key"):
        read_public_key(private)
    with pytest.raises(InvalidRequestError, match="not a private key"):
        read_private_key(public)
    with pytest.raises(NotFoundError):
        read_public_key(tmp_path / "nobody.pub")


def test_two_sign_and_one_signs_again(archive: Path, pair: tuple[Path, PublicKey], tmp_path: Path) -> None:
    bob = make_key_pair(tmp_path / "bob")
    for key in (pair[0], bob[0], pair[0]):
        _, path = sign_file(archive, read_private_key(key), now=NOW)
    bundles = parse_bundles(path.read_bytes())
    assert {each.key_id for each in bundles} == {pair[1].id, read_public_key(bob[1]).id}
    assert len(bundles) == 2


def test_by_command(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PASSWORD_VARIABLE, "correct horse")
    assert main(["sign", "--make-key", "ada"]) == 0
    assert main(["sign", "--make-key", "eve"]) == 0
    assert main(["verify", str(archive), "--key", "ada.pub"]) == 1
    assert "error[package_not_trusted]" in capsys.readouterr().err
    assert main(["sign", str(archive), "--key", "ada.key", "--days", "30"]) == 0
    assert main(["verify", str(archive), "--key", "eve.pub", "--key", "ada.pub"]) == 0
    assert "by ada, " in capsys.readouterr().out
    assert main(["verify", str(archive), "--key", "eve.pub"]) == 1
    damaged = bytearray(archive.read_bytes())
    damaged[-2000] ^= 1
    archive.write_bytes(damaged)
    assert main(["verify", str(archive), "--key", "ada.pub"]) == 1
    assert "error[invalid_package]" in capsys.readouterr().err
    assert main(["sign", str(archive)]) == 1


def test_signatures_go_where_packages_go(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    assert main(["sign", "--make-key", "ada"]) == 0
    assert main(["push", str(archive), "--store", "store"]) == 0
    assert main(["sign", str(archive), "--key", "ada.key"]) == 0
    assert main(["push", str(archive), "--store", "store"]) == 0, "signed later, pushed again"
    assert "with 1 signature" in capsys.readouterr().err
    assert main(["pull", "digits/1.0.0", "--store", "store", "-o", "elsewhere"]) == 0
    assert main(["verify", "elsewhere/digits-1.0.0.mwpkg", "--key", "ada.pub"]) == 0
