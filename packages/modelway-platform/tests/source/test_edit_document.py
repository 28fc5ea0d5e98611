"""Edits of files that people wrote: what is wanted changes, every other line stays, and what cannot be done is said."""

import difflib
import json
from typing import Any

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.source.edit_document import CannotEditError, Wanted, edited, merged
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.documents.read_document import Written, documents_in, read_document

PACKAGE = "sha256:" + "a" * 64
FILE = f"""\
# Models of the vision team. Ask Ann before you change anything.
apiVersion: modelway/v1
kind: Deployment
metadata: {{project: vision, model: digits, version: v1}}
spec: {{package: "{PACKAGE}"}}   # the first one
---
# the second one
apiVersion: modelway/v1
kind: Deployment
metadata:
    project: vision
    model: digits
    version: "v2"          # quoted on purpose

spec:
    # built by CI
    package: {PACKAGE}
    stage: development     # moves by promotion
    replicas: 1

    env:
        OWN: 'yes'         # a text
        MODE: dev
    drainSeconds: 10
# the end of the second
---
apiVersion: modelway/v1
kind: Route
metadata: {{project: vision, model: digits}}
spec:
  versions:
  - {{version: v1, weight: 9}}
  - {{version: v2, weight: 1}}   # canary
  urls:
      - {{pattern: "/read/{{what}}", endpoint: predict}}
"""


def spec_of(text: str, kind: str, name: str) -> dict[str, Any]:
    for node in documents_in(read_yaml(text)):
        read = read_document("f.yaml", node)
        assert isinstance(read, Written), read
        value = document_to_json(read.document)
        parts = [value["metadata"][each] for each in ("project", "model", "version") if each in value["metadata"]]
        if (value["kind"], "/".join(parts)) == (kind, name):
            return value["spec"]
    raise AssertionError(name)


def wanted(text: str, kind: str, name: str, **changes: Any) -> Wanted:
    before = spec_of(text, kind, name)
    return Wanted(kind=kind, name=name, before=before, after={**before, **changes})


def changed_lines(before: str, after: str) -> list[str]:
    return [
        line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[:1] in "+-" and line[1:2] == " "
    ]


def test_only_the_lines_of_what_changes_change() -> None:
    promoted = wanted(
        FILE, "Deployment", "vision/digits/v2", stage="production", replicas=3, env={"OWN": "yes", "TRACE": "1"}
    )
    new = edited("a.yaml", FILE, promoted)
    assert new is not None
    assert changed_lines(FILE, new) == [
        "-     stage: development     # moves by promotion",
        "+     stage: production      # moves by promotion",
        "-     replicas: 1",
        "+     replicas: 3",
        "-         MODE: dev",
        "+         TRACE: '1'",
    ]
    assert spec_of(new, "Deployment", "vision/digits/v2") == promoted.after
    assert edited("a.yaml", new, promoted) == new, "what is there already is not written again"


def test_a_line_written_as_one_stays_one() -> None:
    new = edited("a.yaml", FILE, wanted(FILE, "Deployment", "vision/digits/v1", replicas=2, stage="staging"))
    assert new is not None
    (old, line) = changed_lines(FILE, new)
    assert old.endswith("# the first one")
    assert line.startswith(f'+ spec: {{package: "{PACKAGE}", replicas: 2, stage: staging}}')
    assert line.endswith("# the first one")


def test_lists_and_routes() -> None:
    versions = [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 9}]
    new = edited("a.yaml", FILE, wanted(FILE, "Route", "vision/digits", versions=versions))
    assert new is not None
    assert spec_of(new, "Route", "vision/digits")["versions"] == versions
    assert changed_lines(FILE, new)[1::2] == [
        "+   - {version: v1, weight: 1}",
        "+   - {version: v2, weight: 9}   # canary",
    ]
    assert new.startswith(FILE[: FILE.index("spec:\n  versions")]), "what is before it is as it was"


def test_lines_that_end_as_on_windows_go_on_to() -> None:
    text = FILE.replace("\n", "\r\n")
    new = edited("a.yaml", text, wanted(FILE, "Deployment", "vision/digits/v2", replicas=3))
    assert new == text.replace("replicas: 1", "replicas: 3")


@pytest.mark.parametrize("indent", [None, 2, 4, "\t"])
def test_json_keeps_its_form(indent: int | str | None) -> None:
    document = {
        "apiVersion": "modelway/v1",
        "kind": "Deployment",
        "metadata": {"project": "vision", "model": "digits", "version": "v1"},
        "spec": {"package": PACKAGE, "env": {"A": "ä"}},
    }
    text = json.dumps(document, indent=indent, ensure_ascii=False) + "\n"
    new = edited("a.json", text, wanted(text, "Deployment", "vision/digits/v1", stage="staging"))
    document["spec"] = {"package": PACKAGE, "env": {"A": "ä"}, "stage": "staging"}
    assert new == json.dumps(document, indent=indent, ensure_ascii=False) + "\n"


def test_one_of_a_list_as_the_platform_prints_several() -> None:
    text = (
        "items:\n"
        "- apiVersion: modelway/v1\n  kind: Deployment\n  metadata: {project: vision, model: digits, version: v1}\n"
        f"  spec: {{package: '{PACKAGE}'}}\n"
        "- apiVersion: modelway/v1\n  kind: Deployment\n  metadata: {project: vision, model: digits, version: v2}\n"
        f"  spec: {{package: '{PACKAGE}'}}\n"
    )
    new = edited("a.yaml", text, wanted(text, "Deployment", "vision/digits/v2", replicas=5))
    assert new == text[: text.rindex("'}")] + "', replicas: 5}\n"


def test_what_somebody_else_changed_is_kept_or_in_the_way() -> None:
    asked = wanted(FILE, "Deployment", "vision/digits/v2", stage="production", replicas=3)
    drained = FILE.replace("drainSeconds: 10", "drainSeconds: 30")
    new = edited("a.yaml", drained, asked)
    assert new is not None
    assert spec_of(new, "Deployment", "vision/digits/v2")["drainSeconds"] == 30
    with pytest.raises(
        CannotEditError, match=r"spec\.replicas is 2 in the branch, 1 was expected: somebody changed it"
    ):
        edited("a.yaml", FILE.replace("replicas: 1", "replicas: 2"), asked)
    assert edited("a.yaml", FILE.replace('"v2"', '"v3"'), asked) is None
    assert edited("a.yaml", FILE.replace('"v2"', '"v2'), asked) is None, "a broken document is nobody's"


def test_merging_goes_into_mappings() -> None:
    head = {"env": {"A": "1", "MINE": "x"}, "replicas": 4}
    assert merged(head, {"env": {"A": "1"}}, {"env": {"A": "2", "B": "3"}}) == {
        "env": {"A": "2", "MINE": "x", "B": "3"},
        "replicas": 4,
    }
    with pytest.raises(CannotEditError, match=r"spec\.env\.A is \"9\" in the branch"):
        merged({"env": {"A": "9"}}, {"env": {"A": "1"}}, {"env": {"A": "2"}})


@pytest.mark.parametrize(
    "spec",
    [
        "package: PACKAGE\n",
        "  package: PACKAGE\n  replicas: 1\n",
        "      package: PACKAGE\n      env: {}\n",
        " {package: PACKAGE,\n   replicas: 1}\n",
        '\n\n  "package": >-\n    PACKAGE\n\n\n  # last words\n',
    ],
)
def test_many_forms_say_what_is_wanted_or_are_left_alone(spec: str) -> None:
    start = "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: p, model: m, version: v1}\nspec:"
    text = start + (spec if spec.startswith((" {", "\n")) else "\n" + spec).replace("PACKAGE", PACKAGE)
    if spec.startswith("package"):
        assert edited("a.yaml", text, Wanted(kind="Deployment", name="p/m/v1", before={}, after={})) is None
        return
    asked = wanted(text, "Deployment", "p/m/v1", stage="staging", env={"A": "no", "B": "1.10", "C": "#x: y"})
    new = edited("a.yaml", text, asked)
    assert new is not None
    assert spec_of(new, "Deployment", "p/m/v1") == asked.after
