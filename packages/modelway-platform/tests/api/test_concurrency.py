"""Optimistic concurrency: who changes what somebody else has changed meanwhile is told, over REST by ETag and If-Match."""

from typing import Any

import grpc
import pytest

from modelway_platform.deploy.api.schema import issuers_pb2, sources_pb2

SOURCE = {"repository": "/srv/fleet.git", "projects": ["vision"]}
ISSUER = {"issuer": "https://id.example", "audiences": ["m"], "keySetUrl": "https://id.example/keys"}


@pytest.mark.parametrize(
    ("path", "spec", "change"),
    [
        ("/v1/sources/fleet", SOURCE, {"branch": "next"}),
        ("/v1/issuers/corp", ISSUER, {"audiences": ["m", "n"]}),
    ],
)
def test_what_has_no_revisions_has_a_tag(api: Any, path: str, spec: dict[str, Any], change: dict[str, Any]) -> None:
    assert api.ask("PUT", path, spec, headers={"If-Match": "*"}).status == 409, "there is none yet"
    made = api.ask("PUT", path, spec)
    tag = made.headers["etag"]
    assert tag == f'"{made.json["etag"]}"'
    assert api.ask("PUT", path, spec).headers["etag"] == tag, "the same says the same"
    changed = api.ask("PUT", path, spec | change, headers={"If-Match": tag})
    assert changed.status == 200
    assert changed.headers["etag"] != tag
    for verb, body in (("PUT", spec), ("DELETE", None)):
        refused = api.ask(verb, path, body, headers={"If-Match": tag})
        assert (refused.status, refused.error["code"]) == (409, "conflict")
        assert "someone changed it" in refused.error["message"]
    listed = api.ask("GET", path.rpartition("/")[0]).json["items"]
    assert [f'"{each["etag"]}"' for each in listed] == [changed.headers["etag"]]
    assert api.ask("PUT", path, spec, headers={"If-Match": "x" * 200}).status == 400
    assert api.ask("DELETE", path, headers={"If-Match": changed.headers["etag"]}).status == 200


def test_a_tag_over_grpc_is_a_field(api: Any, side: Any) -> None:
    made = side.call(
        "modelway.v1.Sources.SetSource", sources_pb2.SetSourceRequest(name="fleet", repository="/srv/a.git")
    )
    with pytest.raises(grpc.RpcError) as refused:
        side.call(
            "modelway.v1.Sources.RemoveSource", sources_pb2.RemoveSourceRequest(name="fleet", expected_etag="other")
        )
    error: Any = refused.value
    assert error.code() is grpc.StatusCode.ABORTED
    request = sources_pb2.RemoveSourceRequest(name="fleet", expected_etag=made.etag)
    assert side.call("modelway.v1.Sources.RemoveSource", request).removed
    request = issuers_pb2.SetIssuerRequest(
        name="a", issuer="https://a", audiences=["m"], key_set_url="https://a/k", expected_etag="*"
    )
    with pytest.raises(grpc.RpcError) as refused:
        side.call("modelway.v1.Issuers.SetIssuer", request)


def test_documents_are_applied_to_what_was_seen(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    def apply(expected: dict[str, int], **spec: int) -> Any:
        text = write.deployment(spec="".join(f"{name}: {value}" for name, value in spec.items()))
        files = [
            {"name": "a.yaml", "text": text},
            {"name": "b.yaml", "text": write.route("[{version: v1, weight: 1}]")},
        ]
        return api.ask("POST", "/v1/apply", {"files": files, "packages": uploaded, "expectedRevisions": expected})

    one, route = "Deployment/vision/digits/v1", "Route/vision/digits"
    assert apply({one: 1}).status == 404, "there is none yet"
    assert apply({one: 0, route: 0}).status == 200
    assert apply({one: 0}).status == 409, "there is one now"
    assert apply({one: 1, route: 1}, replicas=2).status == 200
    refused = apply({one: 1}, replicas=3)
    assert (refused.status, refused.error["code"]) == (409, "conflict")
    assert "at revision 2, not at 1" in refused.error["message"]
    assert apply({one: 2, route: 2}, replicas=3).status == 409, "one is enough, and nothing is kept"
    assert api.ask("GET", "/v1/deployments/vision/digits/v1").json["spec"]["replicas"] == 2
    for odd in ({"Deployment/vision/digits/v2": 1}, {one: -1}, {"digits": 1}):
        assert apply(odd).status == 400


def test_who_steers_says_what_was_seen(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    assert api.apply(write.deployment(), packages=uploaded).status == 200
    steer, pause = "/v1/deployments/vision/digits/v1/steer", {"action": "pause"}
    assert api.ask("POST", steer, pause, headers={"If-Match": '"2"'}).status == 409
    assert api.ask("POST", steer, pause, headers={"If-Match": '"1"'}).status == 200
