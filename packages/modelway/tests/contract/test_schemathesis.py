"""Schemathesis against a model server: what its API description says is what it does, for data that fit and data that do not."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[3]


@pytest.mark.slow
def test_the_description_is_true(kinds: Any, part: Callable[[str], Path], tmp_path: Path) -> None:
    program = part("schemathesis") / "schemathesis"
    shutil.copy(HERE / "kinds_hooks.py", tmp_path)
    command = [str(program), "--config-file", str(HERE / "kinds.toml"), "run", f"http://{kinds.http}/openapi.json"]
    command += ["--seed", "1", "--max-examples", "20", "--request-timeout", "20", "--no-color"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "kinds_hooks", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Selected: 23/23" in done.stdout
    assert "Tested: 23" in done.stdout


@pytest.mark.slow
def test_the_protocols_own_description_is_true(kinds: Any, part: Callable[[str], Path], tmp_path: Path) -> None:
    """The file of the protocol's authors, which is not kept here: scripts/test-parts fetches it where it can."""
    program = part("schemathesis") / "schemathesis"
    official = ROOT / ".cache" / "open_inference_rest.yaml"
    if not official.exists():
        pytest.skip("the protocol's OpenAPI file is not here; scripts/test-parts fetches it where it can")
    text = official.read_text()
    for parameter, value in (("MODEL_NAME", "m"), ("MODEL_VERSION", "v1")):
        # Its paths have a `$` too many to be templates, and any name will do for it.
        text = text.replace(f"${{{parameter}}}", f"{{{parameter}}}")
        anything = f"type: string\n        name: {parameter}"
        assert anything in text
        text = text.replace(anything, f"type: string\n          enum: [{value}]\n        name: {parameter}")
    (tmp_path / "protocol.yaml").write_text(text)
    command = [str(program), "run", "protocol.yaml", "--url", f"http://{kinds.http}", "--seed", "1", "--no-color"]
    command += ["--max-examples", "50", "--request-timeout", "20"]
    # It knows neither 404 nor 405, and allows data that no tensor's shape allows.
    command += ["--exclude-checks", "status_code_conformance,unsupported_method,positive_data_acceptance"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Tested: 6" in done.stdout
