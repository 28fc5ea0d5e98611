"""The OpenAPI document: every path of the schema is in it, and Schemathesis finds that the API does what it says."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.deploy.api.messages.methods import api_methods

ROOT = Path(__file__).resolve().parents[4]
# Hold for ever, or as long as they are told, and are tested by themselves.
STREAMS = ("Watch", "ReadLogs")


def test_every_method_is_described(steady_api: Any) -> None:
    described = steady_api.ask("GET", "/openapi.json", key=None).json
    assert described["openapi"] == "3.1.0"
    for method in api_methods():
        for binding in method.bindings:
            operation = described["paths"][binding.path][binding.verb.lower()]
            assert operation["summary"], method.name
            assert str(method.rule.http_status or 200) in operation["responses"]
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == set(binding.variables)
    undo = described["paths"]["/v1/routes/{project}/{model}/undo"]["post"]
    assert {each["name"] for each in undo["parameters"]} == {"project", "model", "If-Match"}
    body = undo["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"].keys() == {"toRevision", "expectedRevision"}
    assert body["additionalProperties"] is False
    metadata = described["components"]["schemas"]["Metadata"]["properties"]
    assert metadata["createdAt"] == {"description": "RFC 3339.", "type": ["string", "null"]}
    listing = described["paths"]["/v1/audit"]["get"]["parameters"]
    assert {each["name"] for each in listing} >= {"after", "most", "kind", "name", "actor", "requestId"}


def test_another_method_is_told_which_there_are(steady_api: Any) -> None:
    for path, verbs in (
        ("/v1/routes/vision/digits", "DELETE, GET, HEAD"),
        ("/v1/apply", "POST"),
        ("/v1/keys", "GET, HEAD, POST"),
    ):
        refused = steady_api.ask("PATCH", path)
        assert (refused.status, refused.headers["allow"]) == (405, verbs)


# What is there, so that more than 404 is found; the rest is made up.
PARAMETERS = """
[parameters]
"path.project" = "vision"
"path.model" = "digits"
"path.version" = "v1"
"path.stage" = "production"
"path.name" = "fleet"
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_description_is_true(filled_api: Any, tmp_path: Path) -> None:
    """Schemathesis, in an environment of its own, against a platform that has a little of everything."""
    folder = ROOT / ".cache" / "schemathesis"
    if not (folder / "whole").exists():
        pytest.skip("schemathesis is not installed; scripts/test-parts installs it where it can be had")
    (tmp_path / "schemathesis.toml").write_text(PARAMETERS)
    # Its coverage phase goes through every way to be wrong, which takes minutes.
    phases = "coverage,fuzzing" if os.environ.get("MODELWAY_FAULTS") == "whole" else "fuzzing"
    options = {"seed": "1", "max-examples": "6", "phases": phases, "request-timeout": "20"}
    # Names and documents have rules that a schema of messages cannot say; null is what protobuf takes for a default.
    options |= {"exclude-checks": "positive_data_acceptance,negative_data_rejection"}
    options |= {"exclude-operation-id-regex": "|".join(STREAMS), "header": f"Authorization: Bearer {filled_api.key}"}
    command = [str(folder / "bin" / "schemathesis"), "--config-file", str(tmp_path / "schemathesis.toml"), "run"]
    command += [f"http://127.0.0.1:{filled_api.port}/openapi.json", "--no-color", "--continue-on-failure"]
    done = subprocess.run(
        [*command, *(f"--{name}={value}" for name, value in options.items())],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    asked = sum(not method.short_name.startswith(STREAMS) for method in api_methods())
    assert f"Tested: {asked}" in done.stdout, done.stdout[-3000:]
