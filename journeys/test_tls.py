"""HTTPS from the command line to the gateway, and mutual TLS from there to a replica: all of it with the real commands."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from journeys.authority import Authority
from journeys.conftest import PlatformFactory
from journeys.console_client import ask, sign_in
from journeys.projects import deployment
from journeys.running_platform import MODELWAY, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(110)]
NAME = "tls/echo/v1"


def test_every_hop_is_encrypted_and_knows_its_peer(
    own_platform: PlatformFactory, echo_package: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    gateway = authority.issue("gateway", "127.0.0.1")
    replica = authority.issue("replica", "127.0.0.1")
    platform = own_platform(workers=1)
    platform.options = (
        *("--console-port", "0"),
        *("--tls-cert", str(gateway[0]), "--tls-key", str(gateway[1]), "--replica-ca", str(authority.file)),
        *("--replica-cert", str(gateway[0]), "--replica-key", str(gateway[1])),
    )
    platform.start()
    assert platform.gateway.startswith("https://")
    digest = platform.upload(echo_package)
    # No replica of the platform's own: the one that answers is started here and registers itself.
    platform.apply(deployment(NAME, digest, replicas=0))
    serving = subprocess.Popen(
        [
            *(MODELWAY, "serve", str(echo_package), "--port", "0", "--name", NAME),
            *("--register", platform.context["control"]),
            *("--tls-cert", str(replica[0]), "--tls-key", str(replica[1]), "--tls-client-ca", str(authority.file)),
        ],
        env=os.environ | {"MODELWAY_REGISTER_TOKEN": platform.key},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for("the replica registers", lambda: platform.endpoints(NAME), 40)
        (endpoint,) = platform.endpoints(NAME)
        assert endpoint["scheme"] == "https"
        call = ("call", NAME, "echo", "-d", '{"text": "hello"}')
        trusted = ("--ca-file", str(authority.file))
        wait_for("the gateway knows it", lambda: _calls(platform.home, *call, *trusted))
        said = platform.cli(*call, *trusted).stdout
        assert '"text":"hello"' in said
        refused = platform.cli(*call, status=1).stderr
        assert "its certificate is not trusted" in refused
        assert "--ca-file" in refused
        signed_in = sign_in(platform)
        wait_for(
            "the console reads the gateway's counters over HTTPS",
            lambda: json.loads(ask(platform, "GET", "/api/series?project=tls", **signed_in)[2])["series"],
            30,
        )
    finally:
        serving.terminate()
        serving.wait(20)


def _calls(home: Path, *arguments: str) -> bool:
    done = subprocess.run(
        [MODELWAY, *arguments],
        env=os.environ | {"MODELWAY_HOME": str(home)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0
