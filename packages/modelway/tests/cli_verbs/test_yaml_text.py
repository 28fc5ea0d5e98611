"""What `-o yaml` prints is read back as the same value by a real YAML parser."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.cli.showing.yaml_text import to_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "yes",
        "No",
        "~",
        "null",
        "1e3",
        "1_000",
        "0x1f",
        "12:30:45",
        "2026-01-01",
        ".inf",
        "=",
        "<<",
        "- a",
        "? b",
        "a: b",
        "a #b",
        "#",
        "&x",
        "*x",
        "!t",
        "|",
        ">",
        "%",
        "@",
        "`",
        "a\nb\n",
        "a\n\nb\nc",
        " x\ny\nz",
        "a\r\nb\nc",
        "a\n",
        "\n\n\n",
        "a\nb \nc",
        "a\n  b\nc\n\n",
        "\ufeffx",
        "\x85",
        "\u2028a\nb\nc",
        "sha256:00ff",
        "a:",
        ":a",
        "it's",
        'say "x"',
        "\t",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=25
)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_round_trips_through_a_real_parser(value: object) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


def test_reads_like_a_document() -> None:
    value: dict[str, object] = {
        "kind": "Deployment",
        "metadata": {"project": "vision", "version": "v1"},
        "spec": {"package": "sha256:0aff", "replicas": 2, "env": {}, "weights": [0.5, 1]},
        "status": {"conditions": [{"type": "Ready", "status": True, "message": "two: ready"}]},
        "log": "Traceback\n  line 3\nValueError",
    }
    assert to_yaml(value) == (
        "kind: Deployment\n"
        "metadata:\n"
        "  project: vision\n"
        "  version: v1\n"
        "spec:\n"
        "  package: sha256:0aff\n"
        "  replicas: 2\n"
        "  env: {}\n"
        "  weights:\n"
        "    - 0.5\n"
        "    - 1\n"
        "status:\n"
        "  conditions:\n"
        "    - type: Ready\n"
        "      status: true\n"
        '      message: "two: ready"\n'
        "log: |-\n"
        "  Traceback\n"
        "    line 3\n"
        "  ValueError\n"
    )


@pytest.mark.parametrize("word", ["yes", "NO", "on", "null", "y", "True", "1", "1.5", "0o7", "~", ""])
def test_words_that_mean_something_else_are_quoted(word: str) -> None:
    assert to_yaml(word) == f'"{word}"\n'
