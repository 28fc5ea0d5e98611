"""`modelway image` as a person uses it: what it prints and what it refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.deploy.images.bases.base_image import machine_architecture

Image = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def image(tmp_path: Path) -> Image:
    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "PIP_FIND_LINKS") if name in os.environ}
        environment = {**kept, "HOME": str(tmp_path), "MODELWAY_HOME": str(tmp_path / "home"), **variables}
        command = [sys.executable, "-m", "modelway.cli.main", "image", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_help_shows_the_verbs(image: Image) -> None:
    shown = image("-h").stdout
    assert all(verb in shown for verb in ("build", "push", "bases", "base "))


def test_bases_are_listed_with_ones_own_before_the_shipped(image: Image, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "bases.toml").write_text(
        '[[base]]\nname = "mine-cpu"\nframework = "Mine"\ndevice = "cpu"\nvariables = { A = "1" }\n'
    )
    found = json.loads(image("bases", "-o", "json").stdout)
    assert [each["name"] for each in found][:2] == ["mine-cpu", "transformers-cpu"]
    assert found[0]["variables"] == {"A": "1"}
    table = image("bases").stdout.splitlines()
    assert table[0].split()[:2] == ["NAME", "DEVICE"]
    assert any(line.startswith("pytorch-gpu") and "torch===2.13.0" in line for line in table)


@pytest.mark.skipif(machine_architecture() != "amd64", reason="shipped locks are for amd64")
def test_a_base_for_gpus_says_its_wheels_without_making_anything(image: Image, tmp_path: Path) -> None:
    done = image("base", "pytorch-gpu", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl" in done.stdout
    assert "nvidia_cudnn_cu13-" in done.stdout
    assert "sets NVIDIA_DRIVER_CAPABILITIES=compute,utility" in done.stderr
    found = json.loads(image("bases", "pytorch-gpu", "-o", "json").stdout)
    assert {each["name"] for each in found["wheels"]} > {"torch", "triton", "numpy"}
    assert all(len(each["sha256"]) == 64 for each in found["wheels"])
    assert not (tmp_path / "home").exists()


def test_a_push_prints_the_digest_and_never_the_password(image: Image, registry: Any, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    code = (
        "from pathlib import Path; from modelway_platform.deploy.images.content.layout import ImageLayout as L\n"
        "from modelway_platform.deploy.images.content.descriptor import *\n"
        f"layout = L(Path({str(layout)!r}), make=True)\n"
        "config = layout.blobs.add(b'{}', CONFIG)\n"
        "m = {'schemaVersion': 2, 'mediaType': MANIFEST, 'config': config.to_json(), 'layers': []}\n"
        "layout.tag('v1', layout.blobs.add(canonical(m), MANIFEST))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    registry.auth = "basic"
    secret = {"MODELWAY_REGISTRY_USER": "ada", "MODELWAY_REGISTRY_PASSWORD": "wr0ng-pass"}
    refused = image("push", f"oci:{layout}:v1", f"{registry.host}/a/b:v1", "--plain-http", **secret)
    assert refused.returncode == 1
    assert "error[unauthenticated]" in refused.stderr
    assert "wr0ng-pass" not in refused.stderr + refused.stdout
    done = image(
        "push",
        f"oci:{layout}:v1",
        f"{registry.host}/a/b:v1",
        "--plain-http",
        **(secret | {"MODELWAY_REGISTRY_PASSWORD": "secret"}),
    )
    assert done.returncode == 0, done.stderr
    assert f"image   {registry.host}/a/b:v1" in done.stdout
    assert "digest  sha256:" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("build", "none.mwpkg", "--base", "b.tar", "-o", "oci:out"), "none.mwpkg: no such file"),
        (("build", __file__, "--base", "b.tar", "-o", "out"), "'out' is no image layout"),
        (("build", __file__, "--base", "none.tar", "-o", "oci:out"), "modelway image base -o none.tar"),
        (("build", __file__, "--base", "torch-cpu", "-o", "oci:out"), "did you mean pytorch-cpu"),
        (("build", __file__, "--base", "b.tar", "--device", "gpu", "-o", "oci:out"), "--device has no meaning"),
        (("build", __file__, "--bases", "oci:b:v1", "-o", "oci:out"), "'oci:b:v1' has a tag"),
        (("base",), "which base?"),
        (("base", "torch-cpu"), "no base image is defined as 'torch-cpu'"),
        (("base", "pytorch-cpu", "--push", "bases"), "is no image in a registry"),
        (("base", "pytorch-cpu", "--definitions", "none.toml"), "none.toml: no such file"),
        (("bases", "pytorch"), "did you mean pytorch-"),
        (("push", "oci:none:v1", "registry.example/a:v1"), "no OCI image layout"),
        (("push", "oci:none:v1", "digits"), "is no image in a registry"),
    ],
)
def test_what_is_refused_and_how(image: Image, words: tuple[str, ...], told: str) -> None:
    done = image(*words)
    assert done.returncode == 1
    assert told in done.stderr


def test_a_base_needs_its_program(image: Image) -> None:
    done = image("base", "-o", "x.tar", PATH="/nowhere")
    assert done.returncode == 1
    assert "mmdebstrap is not installed" in done.stderr
