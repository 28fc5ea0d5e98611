"""Anomalies over the API and the command line: seen, acknowledged, muted, watched as closely as somebody says."""

import json
import time
from typing import Any

import pytest

from modelway.cli.main import main
from modelway_platform.domain.access.api_token import token_spec
from modelway_platform.domain.anomalies.incident import Incident
from modelway_platform.domain.anomalies.judgement import Cause, Finding, Judgement
from modelway_platform.domain.identity import ModelKey


def happened(api: Any, project: str = "vision") -> str:
    """The id of one that stands."""
    now = time.time()
    finding = Finding(
        cause=Cause.ERRORS, kind="errors", version="v1", since=now - 300, at=now, measured=0.2, expected=0.01,
        unit="share", surprise=-40.0, words="20 of 100 requests failed",
    )  # fmt: skip
    judgement = Judgement(cause=Cause.ERRORS, version="v1", finding=finding)

    def evidence(_: Incident) -> dict[str, object]:
        return {"requests": [{"requestId": "r1", "version": "v1", "status": 500, "code": "x"}], "changes": []}

    judgements = {(ModelKey(project, "digits"), Cause.ERRORS): [judgement]}
    (made,) = api.parts.anomalies.incidents.judged(judgements, at=now, step=60, evidence=evidence, tell=False)
    return made.id


def run(api: Any, *arguments: str) -> int:
    return main(["anomalies", *arguments, "--url", f"http://127.0.0.1:{api.port}", "--key", api.key])


def test_an_anomaly_is_listed_shown_and_acknowledged(api: Any) -> None:
    name = happened(api)
    (listed,) = api.ask("GET", "/v1/anomalies?state=standing&project=vision").json["items"]
    assert (listed["id"], listed["state"], listed["muted"], listed["evidence"]) == (name, "open", False, {})
    assert api.ask("GET", "/v1/anomalies?project=other").json["items"] == []
    one = api.ask("GET", f"/v1/anomalies/vision/{name}").json
    assert one["evidence"]["requests"][0]["requestId"] == "r1"
    assert one["finding"]["measured"] == 0.2
    assert api.ask("GET", f"/v1/anomalies/other/{name}").status == 404
    for _ in range(2):
        said = api.ask("POST", f"/v1/anomalies/vision/{name}/acknowledge", {"note": "mine"}).json
        assert (said["state"], said["acknowledgedBy"], said["note"]) == ("acknowledged", "tester", "mine")
    audited = [each for each in api.ask("GET", "/v1/audit").json["items"] if each["kind"] == "Anomaly"]
    assert [each["actor"]["method"] for each in audited] == ["Anomalies.AcknowledgeAnomaly"]


def test_mutes_end_and_policies_are_kept(api: Any) -> None:
    name = happened(api)
    made = api.ask("POST", "/v1/anomaly-mutes/vision", {"model": "digits", "cause": "errors", "for": "2h"})
    assert made.status == 201
    assert api.ask("GET", f"/v1/anomalies/vision/{name}").json["muted"] is True
    assert api.ask("DELETE", f"/v1/anomaly-mutes/vision/{made.json['id']}").json["removed"] is True
    assert api.ask("DELETE", f"/v1/anomaly-mutes/vision/{made.json['id']}").status == 404
    for bad in ({"for": "40d"}, {"for": "soon"}, {"for": "1h", "cause": "moods"}, {"for": "1h", "model": "No/Name"}):
        assert api.ask("POST", "/v1/anomaly-mutes/vision", bad).status == 400
    said = api.ask("PUT", "/v1/anomaly-policies/vision", {"sensitivity": "high", "causes": ["errors"]}).json
    assert (said["model"], said["sensitivity"], said["causes"]) == ("", "high", ["errors"])
    assert api.ask("PUT", "/v1/anomaly-policies/vision", {"sensitivity": "loud"}).status == 400
    assert len(api.ask("GET", "/v1/anomaly-policies").json["items"]) == 1


def test_deployers_act_for_their_projects_and_readers_look(api: Any) -> None:
    name = happened(api)
    spec = token_spec(name="other", role="deployer", projects=("other",), expires="")
    assert not isinstance(spec, list)
    _, other = api.parts.access.tokens.create(spec, author="tester")
    assert api.ask("GET", "/v1/anomalies", key=other).json["items"] == []
    assert api.ask("GET", f"/v1/anomalies/vision/{name}", key=other).status == 403
    assert api.ask("POST", f"/v1/anomalies/vision/{name}/acknowledge", {}, key=other).status == 403
    assert api.ask("POST", "/v1/anomaly-mutes/vision", {"for": "1h"}, key=other).status == 403


def test_series_of_a_model_without_any_are_empty(api: Any) -> None:
    assert api.ask("GET", "/v1/series/vision/digits?since=2h").json["times"] == []
    assert api.ask("GET", "/v1/series/vision/digits?since=90d").status == 400


def test_the_command_line_says_and_does_the_same(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(api, "list") == 0
    name = happened(api)
    assert run(api, "list", "vision/digits", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["id"] == name
    assert run(api, "list") == 0
    assert "20 of 100 requests failed" in capsys.readouterr().out
    assert run(api, "show", name) == 0
    assert "request r1: v1 500" in capsys.readouterr().out
    assert run(api, "acknowledge", name, "--note", "mine") == 0
    assert run(api, "mute", "vision/digits", "--for", "1h", "--cause", "errors") == 0
    assert len(api.parts.anomalies.settings.mutes()) == 1
    assert run(api, "unmute", "vision/digits") == 0
    assert api.parts.anomalies.settings.mutes() == []
    assert run(api, "policy", "vision", "--sensitivity", "low", "--cause", "errors") == 0
    told = capsys.readouterr().out
    assert "vision/*" in told
    assert "errors" in told
    assert run(api, "judged", "vision/digits") == 0
    assert "nothing has been judged yet" in capsys.readouterr().out
    assert run(api, "show", "an-nothing") != 0
