"""What a replica is started with: its own environment, its identity, and nothing that belongs to the platform."""

from dataclasses import replace
from pathlib import Path

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.serve_command import ServeCommand
from modelway_platform.domain.deployments.model_processes import ModelProcesses
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
        replicas=Path("/s/replicas"),
        register_url="http://127.0.0.1:7070",
        register_token="replica-token",
        variables=variables,
    )


def test_command_line() -> None:
    assert command()(SPEC).arguments == (
        *("/s/environments/e1/bin/python", "-m", "modelway.cli.main", "serve", f"/s/unpacked/{'a' * 64}"),
        *("--host", "127.0.0.1", "--port", "0"),
        *("--name", "vision/digits/v1", "--drain-seconds", "7.5", "--workers", "2"),
    )


def test_model_processes_and_devices_are_options() -> None:
    spec = replace(SPEC, processes=ModelProcesses(count=2, devices=("cuda:0", "cuda:1")))
    assert command()(spec).arguments[-4:] == ("--model-processes", "2", "--device", "cuda:0,cuda:1")


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


def test_inferences_are_logged_below_the_replica_unless_a_document_says_otherwise() -> None:
    assert command()(SPEC).environment["INFERENCE_LOG"] == f"/s/replicas/{SPEC.id}/inference"
    off = replace(SPEC, env={"INFERENCE_LOG": "off", "INFERENCE_LOG_PAYLOADS": "0.1"})
    environment = command()(off).environment
    assert (environment["INFERENCE_LOG"], environment["INFERENCE_LOG_PAYLOADS"]) == ("off", "0.1")


def test_where_traces_go_is_passed_on_but_not_what_opens_it() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=secret",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    }
    environment = command(**variables)(SPEC).environment
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert environment["OTEL_TRACES_SAMPLER"] == "parentbased_traceidratio"
    assert "secret" not in str(environment)


def test_a_document_sets_variables_but_not_the_identity() -> None:
    environment = command(PATH="/usr/bin")(SPEC).environment
    assert environment["LABEL"] == "x"
    assert environment["PATH"] == "/models/bin"
    assert environment["MODELWAY_REPLICA_ID"] == SPEC.id
    assert environment["MODELWAY_REGISTER_TOKEN"] == "replica-token"
    assert environment["MODELWAY_PACKAGE"] == SPEC.package
