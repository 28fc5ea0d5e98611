"""What a replica is started with: its own environment, its identity, and nothing that belongs to the platform."""

from pathlib import Path

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.serve_command import ServeCommand
from modelway_platform.domain.identity import VersionKey

SPEC = ReplicaSpec(
    id="digits-v1-0a1b",
    key=VersionKey("vision", "digits", "v1"),
    package="sha256:" + "a" * 64,
    environment="e1",
    workers=2,
    env={"LABEL": "x", "MODELWAY_REPLICA_ID": "someone-else", "PATH": "/models/bin"},
    drain_seconds=7.5,
)


def command(**variables: str) -> ServeCommand:
    return ServeCommand(
        packages=Path("/s/unpacked"),
        environments=Path("/s/environments"),
        register_url="http://127.0.0.1:7070",
        register_token="replica-token",
        variables=variables,
    )


def test_command_line() -> None:
    assert command()(SPEC).arguments == (
        *("/s/environments/e1/bin/python", "-m", "modelway.cli.main", "serve", f"/s/unpacked/{'a' * 64}"),
        *("--host", "127.0.0.1", "--port", "0", "--workers", "2"),
        *("--name", "vision/digits/v1", "--drain-seconds", "7.5"),
    )


def test_no_secret_of_the_platform_reaches_a_replica() -> None:
    secrets = {
        "MODELWAY_KEY": "mw_admin",
        "MODELWAY_URL": "http://x",
        "AWS_SECRET_ACCESS_KEY": "s",
        "UV_DEFAULT_INDEX": "https://me:secret@index/simple",
        "HTTPS_PROXY": "http://me:secret@proxy",
        "PYTHONPATH": "/elsewhere",
        "SSH_AUTH_SOCK": "/tmp/agent",
    }
    environment = command(HOME="/home/me", OMP_NUM_THREADS="1", **secrets)(SPEC).environment
    assert not set(secrets) & set(environment)
    assert (environment["HOME"], environment["OMP_NUM_THREADS"]) == ("/home/me", "1")


def test_a_document_sets_variables_but_not_the_identity() -> None:
    environment = command(PATH="/usr/bin")(SPEC).environment
    assert environment["LABEL"] == "x"
    assert environment["PATH"] == "/models/bin"
    assert environment["MODELWAY_REPLICA_ID"] == SPEC.id
    assert environment["MODELWAY_REGISTER_TOKEN"] == "replica-token"
    assert environment["MODELWAY_PACKAGE"] == SPEC.package
