"""What a Route may say of mirrors and comparators, and what is refused when it is applied."""

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.documents.admit_mirroring import mirroring_problems, unknown_comparators
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import Declared, DeploymentRecord
from modelway_platform.domain.routing.mirroring.mirrors import (
    Comparator,
    EndpointComparator,
    Mirror,
    Mirroring,
    Tolerance,
)
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.table.check_route_table import problems_of
from modelway_platform.domain.table.route_table import ModelEntry, RouteTable, VersionEntry

HEAD = "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: p, model: m}\nspec:\n  versions: [{version: v1, weight: 1}]\n"
FULL = """  mirrors:
    - {from: v1, to: v2, share: 0.5, maxInFlight: 4, timeoutSeconds: 2, maxBodyBytes: 1000}
    - {to: v3}
  compare:
    predict:
      kind: numeric
      absolute: 0.5
      relative: 0.1
      ignore: [$.took]
      places: [{place: "$.scores", absolute: 2}]
    best: {kind: top-k, at: "$.labels", k: 3, minimum: 0.5, showValues: true}
    label: {kind: label, scores: true}
    same: {kind: exact}
    boxes: {kind: custom, name: iou, minimum: 0.9, options: {weight: "2"}}
"""


def written(text: str) -> Written:
    (node,) = read_yaml(HEAD + text)
    found = read_document("r.yaml", node)
    assert isinstance(found, Written), found
    return found


def test_everything_that_can_be_said() -> None:
    document = written(FULL).document
    assert isinstance(document, Route)
    comparators = {each.endpoint: each.comparator for each in document.mirroring.compare}
    assert document.mirroring.mirrors == (
        Mirror(source="v1", to="v2", share=0.5, max_in_flight=4, timeout_seconds=2.0, max_body_bytes=1000),
        Mirror(to="v3"),
    )
    assert comparators == {
        "predict": Comparator(
            kind="numeric",
            absolute=0.5,
            relative=0.1,
            ignore=("$.took",),
            tolerances=(Tolerance(place="$.scores", absolute=2.0),),
        ),
        "best": Comparator(kind="top-k", at="$.labels", k=3, minimum=0.5, show_values=True),
        "label": Comparator(kind="label", scores=True),
        "same": Comparator(kind="exact"),
        "boxes": Comparator(kind="custom", name="iou", minimum=0.9, options=(("weight", "2"),)),
    }
    assert document_from_json(document_to_json(document)) == document


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  mirrors: [{from: v1}]\n", "6:13: missing field spec.mirrors[0].to"),
        ("  mirrors: [{from: v1, to: v1}]\n", "6:13: spec.mirrors[0]: v1 would be a mirror of itself"),
        ("  mirrors: [{to: v2}, {from: all, to: v2}]\n", "6:23: spec.mirrors[1]: from all to v2 appears twice"),
        ("  mirrors: [{to: v2, share: 1.5}]\n", "spec.mirrors[0].share: 1.5 is outside 0 to 1"),
        ("  mirrors: [{to: v2, maxInFlight: 0}]\n", "spec.mirrors[0].maxInFlight: 0 is outside 1 to 1024"),
        ("  mirrors: [{to: v2, maxBodyBytes: 2000000}]\n", "maxBodyBytes: 2000000 is outside 1 to 1000000"),
        ("  mirrors: [{to: v2, timeoutSeconds: 0}]\n", "timeoutSeconds: 0 is outside"),
        ("  mirrors: [{to: v2, shadow: true}]\n", "6:22: unknown field spec.mirrors[0].shadow"),
        ("  mirrors: [{}]\n".format(", ".join(["{to: v2}"] * 9)), "spec.mirrors: more than 8"),
        ("  compare: {predict: {}}\n", "6:22: missing field spec.compare.predict.kind"),
        ("  compare: {predict: exact}\n", "6:22: spec.compare.predict: expected a mapping, got the text 'exact'"),
        ("  compare: {metrics: {kind: exact}}\n", "spec.compare.metrics: not an endpoint's name"),
        ("  compare: {predict: {kind: exactly}}\n", "6:29: spec.compare.predict.kind: expected exact or numeric"),
        ("  compare: {predict: {kind: exact, absolute: 1}}\n", "6:36: unknown field spec.compare.predict.absolute"),
        ("  compare: {predict: {kind: numeric, absolute: -1}}\n", "spec.compare.predict.absolute: -1 is outside"),
        ("  compare: {predict: {kind: numeric, absolute: .inf}}\n", "absolute: expected a number"),
        ("  compare: {predict: {kind: numeric, absolute: .nan}}\n", "absolute: expected a number"),
        ("  compare: {predict: {kind: exact, ignore: [took]}}\n", "6:45: spec.compare.predict.ignore[0]: 'took'"),
        ("  compare: {predict: {kind: numeric, places: [{place: $..a}]}}\n", "places[0].place: '$..a' is not allowed"),
        ("  compare: {predict: {kind: numeric, places: [[]]}}\n", "places[0]: expected a mapping"),
        ("  compare: {predict: {kind: top-k, k: 0}}\n", "spec.compare.predict.k: 0 is outside 1 to 1000"),
        ("  compare: {predict: {kind: label, at: '$[?(@)]'}}\n", "spec.compare.predict.at: '$[?(@)]' is not allowed"),
        ("  compare: {predict: {kind: custom}}\n", "missing field spec.compare.predict.name"),
        ("  compare: {predict: {kind: custom, name: os.system}}\n", "name: 'os.system' is not allowed"),
        ("  compare: {predict: {kind: custom, name: iou, options: {a: 1}}}\n", "options.a: expected a text"),
        ("  compare: {predict: {kind: custom, name: iou, options: {a: %s}}}\n" % ("x" * 300), "longer than 256"),
    ],
)
def test_what_makes_no_sense(text: str, said: str) -> None:
    (node,) = read_yaml(HEAD + text)
    found = read_document("r.yaml", node)
    assert isinstance(found, list)
    assert said in "\n".join(f"{each.mark.line}:{each.mark.column}: {each.message}" for each in found)


def test_versions_are_deployed_and_comparators_installed() -> None:
    deployment = Deployment(key=VersionKey("p", "m", "v1"), package="sha256:" + "0" * 64)
    record = DeploymentRecord(deployment=deployment, revision=1, status=DeploymentStatus(), created_at=0, updated_at=0)
    route = written(FULL)
    found = list(mirroring_problems([route], Declared(deployments=(record,), routes=())))
    assert [(each.mark.line, each.mark.column, each.message) for each in found] == [
        (7, 22, "p/m has no deployment of version 'v2'"),
        (8, 12, "p/m has no deployment of version 'v3'"),
    ]
    (unknown,) = unknown_comparators([route], {"iou2"})
    assert (unknown.mark.line, unknown.message) == (19, "the platform has no comparator 'iou'")
    assert "iou2" in unknown.hint
    assert not list(unknown_comparators([route], {"iou"}))


@pytest.mark.parametrize(
    "mirroring",
    [
        Mirroring(mirrors=(Mirror(to="v1", share=-0.1),)),
        Mirroring(mirrors=(Mirror(to="v1", max_in_flight=0),)),
        Mirroring(mirrors=(Mirror(to="v1", timeout_seconds=0),)),
        Mirroring(mirrors=(Mirror(to="v1", max_body_bytes=10**9),)),
        Mirroring(mirrors=(Mirror(source="v1", to="v1"),)),
        Mirroring(compare=(EndpointComparator(endpoint="e", comparator=Comparator(kind="label", at="x")),)),
        Mirroring(compare=(EndpointComparator(endpoint="e", comparator=Comparator(kind="top-k", k=0)),)),
    ],
)
def test_a_table_with_less_is_refused(mirroring: Mirroring) -> None:
    model = ModelEntry(
        project="p",
        model="m",
        access="open",
        idempotent=False,
        timeout_seconds=1,
        max_body_bytes=1,
        versions=(VersionEntry(version="v1", weight=1, replicas=()),),
        mirroring=mirroring,
    )
    (problem,) = problems_of(RouteTable(number=1, models=(model,), keys=()))
    assert problem.startswith("model p/m: ")
